/** A curve in one line of text, after Edward Tufte's sparklines (Beautiful Evidence, 2006). */

const bars = "▁▂▃▄▅▆▇█"

/** At most `columns` bars, each the mean of its share of the values, from the lowest to the highest of them. */
export const draw = (values: ReadonlyArray<number>, columns: number): string => {
  const finite = values.filter(Number.isFinite)
  const points = Math.min(columns, finite.length)
  if (points < 2) return ""
  const means = Array.from({ length: points }, (_, i) => {
    const share = finite.slice(Math.floor((i * finite.length) / points), Math.floor(((i + 1) * finite.length) / points))
    return share.reduce((sum, value) => sum + value, 0) / share.length
  })
  const low = Math.min(...means)
  const high = Math.max(...means)
  return means
    .map(
      (mean) =>
        bars[high === low ? 0 : Math.min(bars.length - 1, Math.floor(((mean - low) / (high - low)) * bars.length))],
    )
    .join("")
}
