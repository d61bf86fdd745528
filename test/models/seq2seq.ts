/**
 * A small encoder-decoder in the layout of transformers.js that translates word by word: the encoder gives, for each
 * token, the one-hot row of the word it becomes; the decoder reads, at its place t, the encoder's place t + 1.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as WordPiece from "@thaw/models/WordPiece"
import * as Extent from "@thaw/onnx/Extent"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import { Effect } from "effect"

const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

const encoder = (rows: ReadonlyArray<ReadonlyArray<number>>) => {
  const ids = Value.input("input_ids", "int64", ["batch", "tokens"])
  const mask = Value.input("attention_mask", "int64", ["batch", "tokens"])
  const table = Value.constant(Tensor.float32([rows.length, rows.length], rows.flat()))
  const states = Op.Mul(Op.Gather(table, ids, { axis: 0 }), Op.Cast(Op.Unsqueeze(mask, { axes: [2] }), "float32"))
  return Graph.make({ name: "encoder", outputs: { last_hidden_state: states } })
}

const decoder = (vocab: number) => {
  const ids = Value.input("input_ids", "int64", ["batch", "places"])
  const states = Value.input("encoder_hidden_states", "float32", ["batch", "tokens", vocab])
  const mask = Value.input("encoder_attention_mask", "int64", ["batch", "tokens"])
  const place = Op.Unsqueeze(Op.Add(Op.Range(0, Extent.of(ids, 1)), 1), { axes: [1] })
  const token = Op.Unsqueeze(Op.Range(0, Extent.of(mask, 1)), { axes: [0] })
  const reads = Op.Mul(
    Op.Cast(Op.Equal(place, token), "float32"),
    Op.Cast(Op.Unsqueeze(mask, { axes: [1] }), "float32"),
  )
  return Graph.make({ name: "decoder", outputs: { logits: Op.MatMul(reads, states) } })
}

type Words = Readonly<Record<string, string>>
type Settings = Readonly<Record<string, unknown>>

/** A new folder below the system's. */
export const folder = (words: Words, settings: Settings = {}): string =>
  write(mkdtempSync(path.join(tmpdir(), "thaw-seq2seq-")), words, settings)

/**
 * @param words word → what it becomes; the other words of the vocabulary become themselves
 * @returns the folder
 */
export const write = (at: string, words: Words, settings: Settings = {}): string => {
  const vocabulary = [...specials, ...new Set([...Object.keys(words), ...Object.values(words)])]
  const rows = vocabulary.map((token) => {
    const row = vocabulary.map(() => 0)
    row[vocabulary.indexOf(words[token] ?? token)] = 1
    return row
  })
  mkdirSync(path.join(at, "onnx"), { recursive: true })
  const put = (name: string, content: string | Uint8Array) => writeFileSync(path.join(at, name), content)
  put("config.json", JSON.stringify({ decoder_start_token_id: 0, eos_token_id: 3, max_length: 20, ...settings }))
  put("tokenizer.json", Effect.runSync(WordPiece.tokenizerJson(vocabulary, "test")))
  put("onnx/encoder_model.onnx", Graph.bytes(encoder(rows)))
  put("onnx/decoder_model.onnx", Graph.bytes(decoder(vocabulary.length)))
  return at
}
