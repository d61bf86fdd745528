import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as CheckpointFiles from "@thaw/models/CheckpointFiles"
import * as Encoder from "@thaw/models/Encoder"
import * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import * as MaskedHead from "@thaw/models/MaskedHead"
import * as Parameter from "@thaw/models/Parameter"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"

const fixture = path.join(import.meta.dirname, "../fixtures/masked")
const folder = mkdtempSync(path.join(tmpdir(), "thaw-masked-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Golden {
  readonly ids: ReadonlyArray<ReadonlyArray<number>>
  readonly mask: ReadonlyArray<ReadonlyArray<number>>
  readonly places: ReadonlyArray<number>
  readonly logits: ReadonlyArray<ReadonlyArray<number>>
}
const golden = JSON.parse(readFileSync(path.join(fixture, "golden.json"), "utf8")) as Golden

const read = (at: string) => {
  const located = { path: at, written: "./encoder" }
  const run = Effect.gen(function* () {
    const encoder = yield* Encoder.fromFolder.run({ path: located }) as Effect.Effect<Checkpoint.Checkpoint, Error>
    return yield* MaskedEncoder.withHead.run({ encoder, path: located }) as Effect.Effect<
      MaskedEncoder.MaskedEncoder,
      Error
    >
  })
  return run
}

const changed = (name: string, change: (tensors: Record<string, Tensor.Tensor>) => void) => {
  const at = path.join(folder, name)
  cpSync(fixture, at, { recursive: true })
  const file = path.join(at, "model.safetensors")
  const tensors = { ...Effect.runSync(Safetensors.decode(readFileSync(file))).tensors }
  change(tensors)
  writeFileSync(file, Safetensors.encode(tensors))
  return at
}

const logitsOf = async (model: MaskedEncoder.MaskedEncoder) => {
  const tensors = {
    ...(await Effect.runPromise(CheckpointFiles.tensors(model.encoder.weights))),
    ...(await Effect.runPromise(CheckpointFiles.tensors(model.head))),
  }
  const { graph } = MaskedHead.make(model.encoder.config, Parameter.initializers(tensors))
  const shape = [golden.ids.length, golden.ids[0]!.length]
  const { logits } = await Onnxruntime.evaluate(graph, {
    input_ids: Tensor.int32(shape, golden.ids.flat()),
    attention_mask: Tensor.int32(shape, golden.mask.flat()),
    token_type_ids: Tensor.full("int32", shape, 0),
    [MaskedHead.placesInput]: Tensor.int32([golden.places.length], golden.places),
  })
  return logits!
}

const greatestDifference = (tensor: Tensor.Tensor) => {
  const expected = golden.logits.flat()
  return Math.max(...Tensor.numbers(tensor).map((logit, at) => Math.abs(logit - expected[at]!)))
}

describe("the masked-token head", () => {
  it("gives PyTorch's logits, with the decoder tied to the table of words", async () => {
    const logits = await logitsOf(await Effect.runPromise(read(fixture)))
    expect(logits.shape).toEqual([3, 60])
    expect(greatestDifference(logits)).toBeLessThan(2e-5)
  })

  it("gives them with a decoder that is stored, and uses that", async () => {
    const words = "bert.embeddings.word_embeddings.weight"
    const stored = changed("stored", (tensors) => {
      tensors["cls.predictions.decoder.weight"] = tensors[words]!
      tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"]!
    })
    expect(greatestDifference(await logitsOf(await Effect.runPromise(read(stored))))).toBeLessThan(2e-5)
    const other = changed("other", (tensors) => {
      tensors["cls.predictions.decoder.weight"] = Tensor.full("float32", tensors[words]!.shape, 0)
    })
    const logits = Tensor.numbers(await logitsOf(await Effect.runPromise(read(other))))
    // With no weights all rows are the bias.
    expect(logits.slice(60, 120)).toEqual(logits.slice(0, 60))
  })

  it("is kept and read back", async () => {
    const model = await Effect.runPromise(read(fixture))
    const files = await Effect.runPromise(MaskedEncoder.MaskedEncoder.write(model))
    const again = await Effect.runPromise(MaskedEncoder.MaskedEncoder.read(files))
    expect(greatestDifference(await logitsOf(again))).toBeLessThan(2e-5)
  })

  it("that is not there is a sentence", async () => {
    const without = changed("without", (tensors) => {
      delete tensors["cls.predictions.transform.dense.weight"]
    })
    const error = await Effect.runPromise(Effect.flip(read(without)))
    expect(error.message).toBe(
      "./encoder/model.safetensors: expected an encoder with its masked-token head, got a file without " +
        '"cls.predictions.transform.dense.weight". Many fine-tuned encoders leave it out; take the pre-trained one.',
    )
  })

  it("of a family whose heads are not read is a sentence", async () => {
    const at = changed("electra", (tensors) => {
      for (const [name, tensor] of Object.entries(tensors)) tensors[name.replace(/^bert\./u, "electra.")] = tensor
    })
    const config = path.join(at, "config.json")
    const told = JSON.parse(readFileSync(config, "utf8")) as Record<string, unknown>
    writeFileSync(config, JSON.stringify({ ...told, model_type: "electra", embedding_size: told["hidden_size"] }))
    const error = await Effect.runPromise(Effect.flip(read(at)))
    expect(error.message).toBe(
      "./encoder/model.safetensors: expected an encoder of a family whose masked-token head is known: " +
        '"bert", "distilbert", got "electra".',
    )
  })

  it("of another size is a sentence", async () => {
    const odd = changed("odd", (tensors) => {
      tensors["cls.predictions.bias"] = Tensor.full("float32", [7], 0)
    })
    const error = await Effect.runPromise(Effect.flip(read(odd)))
    expect(error.message).toBe(
      "./encoder/model.safetensors, cls.predictions.bias: expected floating-point numbers [60], as config.json says, " +
        "got float32 [7]. The config and the weights may be of two different encoders.",
    )
  })
})
