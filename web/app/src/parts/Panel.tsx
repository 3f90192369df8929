import { useId, type ReactNode } from 'react'

/** A titled part of a screen. */
export function Panel({ title, action, children }: { title: string; action?: ReactNode; children: ReactNode }) {
  const id = useId()
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {action}
      </header>
      {children}
    </section>
  )
}

/** One number that counts, with what it means under it. */
export function Figure({ title, value, unit, children }: { title: string; value: string; unit?: string; children?: ReactNode }) {
  return (
    <Panel title={title}>
      <div className="figure">
        {value} {unit && <small>{unit}</small>}
      </div>
      <div className="quiet">{children}</div>
    </Panel>
  )
}
