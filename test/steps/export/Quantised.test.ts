/** The copies with 8-bit weights: what is in them, that transformers.js loads them, and how near their answers are. */
import { readFileSync, statSync } from "node:fs"
import path from "node:path"
import { AutoModelForSequenceClassification, AutoTokenizer, env, pipeline } from "@huggingface/transformers"
import * as ModelProto from "@thaw/onnx/ModelProto"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Checkpoints from "./checkpoints.ts"

env.allowRemoteModels = false
env.localModelPath = ""

const texts = ["the cat sat on it.", "the cats", "happy dog"]

/** Wide enough that its weights are worth quantising, under the families' names of such fields. */
const wide = {
  ...{ hidden_size: 144, intermediate_size: 256, embedding_size: 120, max_position_embeddings: 200 },
  ...{ dim: 144, hidden_dim: 256 },
}

type JsTensor = { readonly dims: ReadonlyArray<number>; readonly data: ArrayLike<number> }

/** How far the second is from the first, in units of the first. */
const distance = (exact: ReadonlyArray<number>, other: ReadonlyArray<number>): number => {
  expect(other).toHaveLength(exact.length)
  const norm = (numbers: ReadonlyArray<number>) => Math.sqrt(numbers.reduce((sum, each) => sum + each * each, 0))
  return norm(exact.map((number, at) => number - other[at]!)) / norm(exact)
}

const float32 = 1
const elements = ({ dims }: { readonly dims: ReadonlyArray<bigint> }) =>
  dims.reduce((all, each) => all * Number(each), 1)

describe.each(Checkpoints.families)("the quantised copy of a %s", (family) => {
  const checkpoint = Checkpoints.make(family, { config: wide, deviation: 0.08 })
  const folder = Effect.runPromise(Checkpoints.exported(checkpoint)).then(Checkpoints.written)

  it("keeps no large weight in floating point, and little beside them", async () => {
    for (const name of ["all-heads", "tasks/topic/onnx/model", "tasks/entities/onnx/model", "encoder/onnx/model"]) {
      const file = path.join(await folder, `${name}_quantized.onnx`)
      const { graph } = ModelProto.decode(readFileSync(file))
      const large = graph!.initializer.filter((each) => each.dataType === float32 && elements(each) >= 2 ** 14)
      expect(large.map((each) => each.name)).toEqual([])
      expect(statSync(file).size / statSync(path.join(await folder, `${name}.onnx`)).size).toBeLessThan(0.4)
    }
  })

  it("is loaded by transformers.js as q8, and answers nearly the same", async () => {
    const place = path.join(await folder, "tasks/topic")
    const tokenizer = await AutoTokenizer.from_pretrained(place)
    const logits: Record<string, ReadonlyArray<number>> = {}
    for (const dtype of ["fp32", "q8"] as const) {
      const model = await AutoModelForSequenceClassification.from_pretrained(place, { dtype })
      const inputs = tokenizer(texts, { padding: true }) as object
      logits[dtype] = Array.from(((await model(inputs)) as { readonly logits: JsTensor }).logits.data)
      await model.dispose()
    }
    expect(distance(logits["fp32"]!, logits["q8"]!)).toBeLessThan(0.1)
    expect(logits["q8"]).not.toEqual(logits["fp32"])
  })

  it("gives nearly the same vector of a text", async () => {
    const vectors: Record<string, ReadonlyArray<number>> = {}
    for (const dtype of ["fp32", "q8"] as const) {
      const extract = await pipeline("feature-extraction", path.join(await folder, "encoder"), { dtype })
      vectors[dtype] = Array.from(((await extract(texts, { pooling: "mean" })) as JsTensor).data)
      await extract.dispose()
    }
    expect(distance(vectors["fp32"]!, vectors["q8"]!)).toBeLessThan(0.1)
  })
})
