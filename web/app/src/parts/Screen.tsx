import { useEffect, useRef, type ReactNode } from 'react'

/** A screen's heading takes the focus, so that keyboard and screen reader begin where the eye does. */
export function Screen({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Sitewright`
  }, [title])
  useEffect(() => heading.current?.focus(), [])
  return (
    <>
      <div className="head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions && <div className="row">{actions}</div>}
      </div>
      {children}
    </>
  )
}
