import { IconInfoCircle } from '@tabler/icons-react'
import type { ReactNode } from 'react'

/** Nothing here yet: says why, and where to go from here. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <IconInfoCircle size={40} aria-hidden />
      <h3>{title}</h3>
      {children && <div className="quiet">{children}</div>}
      {action}
    </div>
  )
}
