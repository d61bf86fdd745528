import * as Rotary from "@thaw/models/Rotary"
import * as Seed from "@thaw/core/Seed"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"

const [tokens, headSize] = [40, 8]
const row = (name: string) => {
  const { normal } = Seed.stream(Seed.make(4), name)
  return Array.from({ length: headSize }, () => normal())
}
const [query, key] = [row("query"), row("key")]

/** The same vector at every place, turned. */
const turned = async (vector: ReadonlyArray<number>, theta = 100) => {
  const x = Value.input("x", "float32", ["batch", 1, "tokens", headSize])
  const graph = Graph.make({ name: "turned", outputs: { y: Rotary.make({ theta, headSize, positions: 64 }).turn(x) } })
  const rows = Array.from({ length: tokens }, () => vector).flat()
  const { y } = await Onnxruntime.evaluate(graph, { x: Tensor.float32([1, 1, tokens, headSize], rows) })
  const numbers = Tensor.numbers(y!)
  return Array.from({ length: tokens }, (_, at) => numbers.slice(at * headSize, (at + 1) * headSize))
}
const product = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  a.reduce((sum, value, at) => sum + value * b[at]!, 0)

describe("rotated queries and keys", () => {
  it("have scores that depend on the distance alone", async () => {
    const [queries, keys] = [await turned(query), await turned(key)]
    for (let distance = -8; distance <= 8; distance++) {
      const scores = [8, 20, 31].map((place) => product(queries[place]!, keys[place + distance]!))
      for (const score of scores) expect(score).toBeCloseTo(scores[0]!, 4)
    }
    expect(Math.abs(product(queries[8]!, keys[8]!) - product(queries[8]!, keys[9]!))).toBeGreaterThan(0.01)
  })

  it("stay as they are at the first place, and are turned by the formula's angles at others", async () => {
    const rows = await turned(query)
    expect(rows[0]).toEqual(query.map(Math.fround))
    const half = headSize / 2
    for (const place of [1, 39]) {
      for (let i = 0; i < half; i++) {
        const angle = place * 100 ** ((-2 * i) / headSize)
        const [a, b] = [query[i]!, query[i + half]!]
        expect(rows[place]![i]).toBeCloseTo(a * Math.cos(angle) - b * Math.sin(angle), 5)
        expect(rows[place]![i + half]).toBeCloseTo(b * Math.cos(angle) + a * Math.sin(angle), 5)
      }
    }
  })
})
