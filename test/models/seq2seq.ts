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

/** @param words word → what it becomes; the other words of the vocabulary become themselves */
export const folder = (
  words: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, unknown>> = {},
): string => {
  const vocabulary = [...specials, ...new Set([...Object.keys(words), ...Object.values(words)])]
  const rows = vocabulary.map((token) => {
    const row = vocabulary.map(() => 0)
    row[vocabulary.indexOf(words[token] ?? token)] = 1
    return row
  })
  const at = mkdtempSync(path.join(tmpdir(), "thaw-seq2seq-"))
  mkdirSync(path.join(at, "onnx"))
  const write = (name: string, content: string | Uint8Array) => writeFileSync(path.join(at, name), content)
  write("config.json", JSON.stringify({ decoder_start_token_id: 0, eos_token_id: 3, max_length: 20, ...settings }))
  write("tokenizer.json", Effect.runSync(WordPiece.tokenizerJson(vocabulary, "test")))
  write("onnx/encoder_model.onnx", Graph.bytes(encoder(rows)))
  write("onnx/decoder_model.onnx", Graph.bytes(decoder(vocabulary.length)))
  return at
}
