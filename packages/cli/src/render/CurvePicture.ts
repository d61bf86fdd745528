/** Losses over updates as a picture: SVG that stands alone, the same bytes for the same losses. */
import * as Plot from "@observablehq/plot"
import { parseHTML } from "linkedom"

/** A loss at an update, counted within its phase. */
export interface Point {
  readonly update: number
  readonly loss: number
}

export interface Line {
  readonly name: string
  /** Of every update, in order. */
  readonly training: ReadonlyArray<Point>
  /** Of evaluations on held-out examples, which are drawn as dots. */
  readonly heldOut: ReadonlyArray<Point>
}

/** So many points are told apart in the picture's width. */
const mostPoints = 240

const size = { width: 760, height: 400, marginRight: 180, marginLeft: 50 }

/** @param title what is drawn, for those who cannot see it */
export const draw = (title: string, lines: ReadonlyArray<Line>): string => {
  const { document } = parseHTML("<body></body>")
  const named = (points: ReadonlyArray<Point>, name: string) => points.map((point) => ({ ...point, name }))
  const training = lines.flatMap(({ name, training: points }) => named(means(points), name))
  const heldOut = lines.flatMap(({ name, heldOut: points }) => named(points, name))
  const [x, y, stroke] = ["update", "loss", "name"]
  const ends = lines.flatMap(({ name, training: points, heldOut: dots }) =>
    named([means(points).at(-1) ?? dots.at(-1)!], name),
  )
  const svg = Plot.plot({
    ...size,
    document,
    ariaLabel: title,
    style: { background: "white", color: "black", fontSize: "12px" },
    x: { label: "update", labelAnchor: "center", nice: true },
    y: { label: "loss", grid: true, nice: true },
    marks: [
      Plot.lineY(training, { x, y, stroke, strokeWidth: 1.5 }),
      Plot.dot(heldOut, { x, y, fill: "name", stroke: "white", r: 4 }),
      Plot.text(ends, { x, y, fill: "name", text: "name", textAnchor: "start", dx: 8, lineWidth: 14 }),
    ],
  })
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg")
  return `${svg.outerHTML}\n`
}

/** A curve of at most `mostPoints`: each the mean of its share, at the share's last update. */
const means = (points: ReadonlyArray<Point>): ReadonlyArray<Point> => {
  const count = Math.min(mostPoints, points.length)
  return Array.from({ length: count }, (_, at) => {
    const share = points.slice(Math.floor((at * points.length) / count), Math.floor(((at + 1) * points.length) / count))
    return {
      update: share.at(-1)!.update,
      loss: share.reduce((sum, { loss }) => sum + loss, 0) / share.length,
    }
  })
}
