import { useEffect, useRef } from 'react'
import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent } from 'echarts/components'
import { init, use as register, type EChartsCoreOption } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

register([LineChart, GridComponent, LegendComponent, SVGRenderer])

/** ECharts as SVG. `label` says in words what the picture shows; a table beside it gives the figures. */
export default function Chart({ option, label }: { option: EChartsCoreOption; label: string }) {
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!host.current) return
    const chart = init(host.current, null, { renderer: 'svg' })
    chart.setOption({ animation: false, textStyle: { fontSize: 15, color: '#12202b' }, ...option })
    const resized = new ResizeObserver(() => chart.resize())
    resized.observe(host.current)
    return () => {
      resized.disconnect()
      chart.dispose()
    }
  }, [option])
  return <div ref={host} className="chart" role="img" aria-label={label} />
}
