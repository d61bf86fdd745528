import * as CurvePicture from "@thaw/cli/render/CurvePicture"
import { describe, expect, it } from "vitest"

const falling = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ update: at + 1, loss: 4 / (1 + at / 100) }))

/** Points of the only path of a stroke of 1.5, which is the curve. */
const pointsOf = (svg: string) =>
  [...svg.matchAll(/ d="([^"]+)"/g)].map(([, path]) => path!.split("L").length).sort((a, b) => b - a)[0]

describe("the picture of losses", () => {
  it("has a point for every update as long as they are few, and means of equal shares beyond", () => {
    const of = (count: number) =>
      pointsOf(CurvePicture.draw("losses", [{ name: "words", training: falling(count), heldOut: [] }]))
    expect(of(50)).toBe(50)
    expect(of(5000)).toBe(240)
  })

  it("has a dot for every evaluation and a name at the end of every curve", () => {
    const heldOut = [
      { update: 50, loss: 3 },
      { update: 100, loss: 2 },
    ]
    const svg = CurvePicture.draw("losses", [
      { name: "topic", training: falling(100), heldOut },
      { name: "mood <&>", training: falling(80), heldOut: [] },
      { name: "never drawn", training: [], heldOut },
    ])
    expect(svg.match(/<circle/g)).toHaveLength(4)
    expect(svg).toContain(">topic<")
    expect(svg).toContain(">mood &lt;&amp;&gt;<")
    expect(svg).toContain(">never drawn<")
  })

  it("is the same for the same losses", () => {
    const lines = [{ name: "words", training: falling(1000), heldOut: [] }]
    expect(CurvePicture.draw("losses", lines)).toBe(CurvePicture.draw("losses", lines))
  })
})
