/** How often an ONNX file of an exported folder answers right, and how often it and another agree. */
import { readFileSync } from "node:fs"
import * as path from "node:path"
import * as CheckpointFiles from "@thaw/models/CheckpointFiles"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect, Schema } from "effect"

export interface Labelled {
  readonly text: string
  readonly label: string
}

const atOnce = 32

/** Label of every text, in order, by the first output of the file. */
export const answers = async (folder: string, task: string, file: string, rows: ReadonlyArray<Labelled>) => {
  const read = (name: string) => readFileSync(path.join(folder, name), "utf8")
  const heads = Schema.decodeUnknownSync(Schema.fromJsonString(CheckpointFiles.Heads))(read("heads.json"))
  const { labels } = heads[task]!
  const tokenizer = await Effect.runPromise(
    Tokenizer.fromJson(read("encoder/tokenizer.json"), read("encoder/tokenizer_config.json"), folder),
  )
  const session = await Onnxruntime.create(readFileSync(path.join(folder, file)))
  const found: Array<string> = []
  for (let start = 0; start < rows.length; start += atOnce) {
    const limit = { maxTokens: tokenizer.maxTokens! }
    const batch = rows.slice(start, start + atOnce).map(({ text }) => Tokenizer.encode(tokenizer, text, limit))
    const tokens = Math.max(...batch.map(({ ids }) => ids.length))
    const grid = (of: (row: Tokenizer.Encoded, at: number) => number) =>
      Onnxruntime.toNative(
        Tensor.int64(
          [batch.length, tokens],
          batch.flatMap((row) => Array.from({ length: tokens }, (_, at) => of(row, at))),
        ),
      )
    const feeds = {
      input_ids: grid(({ ids }, at) => ids[at] ?? tokenizer.padId),
      attention_mask: grid(({ ids }, at) => (at < ids.length ? 1 : 0)),
      token_type_ids: grid(() => 0),
    }
    const outputs = await session.run(feeds, session.outputs)
    const logits = Tensor.numbers(Onnxruntime.fromNative(outputs[session.outputs[0]!]!))
    for (let row = 0; row < batch.length; row++) {
      const scores = logits.slice(row * labels.length, (row + 1) * labels.length)
      found.push(labels[scores.indexOf(Math.max(...scores))]!)
    }
  }
  await session.release()
  return found
}

/** Share of places where two lists say the same. */
export const agreement = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): number =>
  one.filter((each, at) => each === other[at]).length / one.length
