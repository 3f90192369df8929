import { useEffect, useState } from 'react'

/** When a part goes away, the focus goes back to what had it before, or else to the screen's heading. */
export function useFocusBack(): void {
  const [before] = useState(() => document.activeElement)
  useEffect(
    () => () => {
      const back = before?.isConnected && before !== document.body ? before : document.querySelector('h1')
      if (back instanceof HTMLElement) back.focus()
    },
    [before],
  )
}
