import { useEffect, useRef, type ReactNode } from 'react'

/** A screen's heading takes the focus, so that keyboard and screen reader begin where the eye does. A `full` screen needs
 * all of its height: its heading is only read out. */
export function Screen(props: { title: string; actions?: ReactNode; children: ReactNode; full?: boolean }) {
  const { title, actions, children, full } = props
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Sitewright`
  }, [title])
  useEffect(() => heading.current?.focus(), [])
  return (
    <>
      <div className={full ? 'hidden' : 'head'}>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions && <div className="row">{actions}</div>}
      </div>
      {children}
    </>
  )
}
