import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Gradient from "@thaw/autodiff/Gradient"
import * as PairLoss from "@thaw/models/PairLoss"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"

type Rows = ReadonlyArray<ReadonlyArray<number>>

/** See test/fixtures/embeddings/make.py. */
interface Case {
  readonly loss: PairLoss.PairLoss
  readonly vectors: Readonly<Partial<Record<"anchors" | "others" | "negatives", Rows>>>
  readonly scores?: ReadonlyArray<number>
  readonly labels?: ReadonlyArray<number>
  readonly rivals?: Rows
  readonly value: number
  readonly gradients: Case["vectors"]
}
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/embeddings/losses.json"), "utf8"),
) as ReadonlyArray<Case>

/** The loss of these pairs and its gradient by the vectors of all texts, which are one batch: anchors, others, negatives. */
const evaluate = async (given: Case, pairs: readonly [from: number, to: number], units?: number) => {
  const own = Object.entries(given.vectors).map(([name, rows]) => [name, rows.slice(...pairs)] as const)
  const vectors = own.flatMap(([, rows]) => rows)
  const [size, hidden] = [pairs[1] - pairs[0], vectors[0]!.length]
  const count = vectors.length / size
  const batch = Value.input("vectors", "float32", ["batch", hidden])
  const loss = PairLoss.loss(given.loss, batch, {
    input: Value.input,
    units: units === undefined ? undefined : Value.input("units", "float32", []),
  })
  const graph = Graph.make({ name: "loss", outputs: { loss, gradient: Gradient.of(loss, [batch])[0]! } })
  const rows = (from: number, to: number) =>
    Tensor.int32(
      [(to - from) * size],
      Array.from({ length: (to - from) * size }, (_, at) => from * size + at),
    )
  const rivals = given.rivals?.slice(...pairs).map((row) => {
    const [others, negatives] = [row.slice(0, given.rivals!.length), row.slice(given.rivals!.length)]
    return [...others.slice(...pairs), ...negatives.slice(...pairs)]
  })
  const feeds = {
    vectors: Tensor.float32([vectors.length, hidden], vectors.flat()),
    anchors: rows(0, 1),
    others: rows(1, 2),
    negatives: rows(2, 3),
    candidates: rows(1, count),
    ...(rivals === undefined ? {} : { rivals: Tensor.int32([size, rivals[0]!.length], rivals.flat()) }),
    ...(given.scores === undefined ? {} : { labels: Tensor.float32([size], given.scores.slice(...pairs)) }),
    ...(given.labels === undefined ? {} : { labels: Tensor.int32([size], given.labels.slice(...pairs)) }),
    ...(units === undefined ? {} : { units: Tensor.scalar("float32", units) }),
  }
  const names = new Set(graph.inputs.map(({ name }) => name))
  const accepted = Object.entries(feeds).filter(([name]) => names.has(name))
  const found = await Onnxruntime.evaluate(graph, Object.fromEntries(accepted))
  const gradient = Tensor.numbers(found["gradient"]!)
  return {
    loss: Number(found["loss"]!.data[0]),
    gradient: own.map(([, part], at) => {
      const start = at * size * hidden
      return Array.from(gradient.slice(start, start + part.length * hidden))
    }),
  }
}

/** Equal to within 2e-6, or as much of what is compared. */
const expectClose = (found: ReadonlyArray<number>, expected: ReadonlyArray<number>) => {
  expect(found).toHaveLength(expected.length)
  found.forEach((each, at) =>
    expect(Math.abs(each - expected[at]!), `${at}: ${each} for ${expected[at]}`).toBeLessThanOrEqual(
      2e-6 * Math.max(1, Math.abs(expected[at]!)),
    ),
  )
}

const titled = cases.map((given) => ({ ...given, title: JSON.stringify(given.loss) }))

describe("PairLoss.loss", () => {
  it.each(titled)("has PyTorch's value $value of $title, and its gradient by every vector", async (given) => {
    const { loss, gradient } = await evaluate(given, [0, 6])
    expectClose([loss], [given.value])
    expectClose(
      gradient.flat(),
      Object.values(given.gradients).flatMap((rows) => rows.flat()),
    )
  })

  it.each(titled.filter(({ loss }) => ["cosineSimilarity", "contrastive", "triplet"].includes(loss._tag)))(
    "adds up over micro-batches that are divided by the pairs of all: $title",
    async (given) => {
      const parts = await Promise.all(([[0, 2], [2, 3], [3, 6]] as const).map((pairs) => evaluate(given, pairs, 6))) // prettier-ignore
      expectClose([parts.reduce((sum, { loss }) => sum + loss, 0)], [given.value])
      expectClose(
        Object.keys(given.vectors).flatMap((_, text) => parts.flatMap(({ gradient }) => gradient[text]!)),
        Object.values(given.gradients).flatMap((rows) => rows.flat()),
      )
    },
  )

  it("of ranking is the mean over the pairs of micro-batches that look at their own candidates alone", async () => {
    const given = cases[1]!
    const parts = [[0, 2], [2, 6]] as const // prettier-ignore
    const alone = await Promise.all(parts.map((pairs) => evaluate(given, pairs)))
    const shares = await Promise.all(parts.map((pairs) => evaluate(given, pairs, 6)))
    expectClose([shares.reduce((sum, { loss }) => sum + loss, 0)], [(2 * alone[0]!.loss + 4 * alone[1]!.loss) / 6])
    expect(alone[0]!.loss).not.toBeCloseTo(given.value, 2)
  })

  it("of ranking has no use for a pair that is alone", async () => {
    const { loss, gradient } = await evaluate(cases[1]!, [2, 3])
    expect(loss).toBeCloseTo(0, 12)
    expect(gradient.flat().every((each) => Math.abs(each) < 1e-7)).toBe(true)
  })

  it("has a gradient where two texts, or their vectors, are nothing or the same", async () => {
    const same = [[0, 0, 0], [1, 2, 3]] // prettier-ignore
    for (const loss of [PairLoss.cosineSimilarity(), PairLoss.contrastive(), PairLoss.triplet({ margin: 1 })]) {
      const found = await evaluate(
        {
          loss,
          vectors: { anchors: same, others: same, negatives: same },
          ...(loss._tag === "cosineSimilarity" ? { scores: [1, 0] } : { labels: [1, 0] }),
          value: 0,
          gradients: {},
        },
        [0, 2],
      )
      expect([found.loss, ...found.gradient.flat()].every(Number.isFinite), loss._tag).toBe(true)
    }
  })
})
