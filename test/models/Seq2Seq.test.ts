import { rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Seq2Seq from "@thaw/models/Seq2Seq"
import { Sessions } from "@thaw/onnx/Session"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Made from "./seq2seq.ts"

const folders: Array<string> = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))
const made = (...args: Parameters<typeof Made.folder>) => {
  const folder = Made.folder(...args)
  folders.push(folder)
  return folder
}

const german = { the: "die", cat: "katze", sleeps: "schläft", here: "hier" }

const located = (folder: string) => ({ path: folder, written: "./model" })
const read = (folder: string) =>
  Seq2Seq.fromFolder.run({ path: located(folder) }) as Effect.Effect<Seq2Seq.Seq2Seq, { readonly message: string }>

const translate = (folder: string, ...texts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const model = yield* read(folder)
    const device = yield* (yield* Sessions).open
    const translated = yield* Seq2Seq.open(model, device)
    return yield* Effect.forEach(texts, translated)
  }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer({ threads: 1 })))

describe("greedy decoding", () => {
  it("follows the greatest logit to the token that ends, text by text", async () => {
    const texts = await Effect.runPromise(translate(made(german), "the cat sleeps here", "cat", "the the the sleeps"))
    expect(texts).toEqual(["die katze schläft hier", "katze", "die die die schläft"])
  })

  it("stops at the greatest length", async () => {
    const [text] = await Effect.runPromise(translate(made(german, { max_length: 3 }), "the cat sleeps here"))
    expect(text).toBe("die katze")
  })

  it("never takes a banned token, and begins with the token that is forced", async () => {
    // Words come after five special tokens: the 5, cat 6, sleeps 7, here 8, die 9, katze 10.
    const banned = made(german, { bad_words_ids: [[10]] })
    const forced = made(german, { forced_bos_token_id: 8 })
    const [without] = await Effect.runPromise(translate(banned, "the cat sleeps"))
    const [begun] = await Effect.runPromise(translate(forced, "the cat sleeps"))
    expect(without).not.toContain("katze")
    expect(begun).toMatch(/^here katze/u)
  })
})

describe("a folder", () => {
  it("without the decoder is refused", async () => {
    const folder = made(german)
    rmSync(path.join(folder, "onnx/decoder_model.onnx"))
    const { message } = await Effect.runPromise(Effect.flip(read(folder)))
    expect(message).toBe(
      './model: expected "config.json", "tokenizer.json", "onnx/encoder_model.onnx", "onnx/decoder_model.onnx", got a ' +
        'folder without "onnx/decoder_model.onnx". Export the model in the layout of transformers.js, with the decoder ' +
        "that takes no past.",
    )
  })

  it("with weights in a file of their own is refused", async () => {
    const folder = made(german)
    writeFileSync(path.join(folder, "onnx/encoder_model.onnx_data"), "")
    const { message } = await Effect.runPromise(Effect.flip(read(folder)))
    expect(message).toBe('./model: expected ONNX files with their weights inside, got "onnx/encoder_model.onnx_data".')
  })

  it("whose config says nothing of how texts start and end is refused", async () => {
    const error = await Effect.runPromise(Effect.flip(translate(made(german, { eos_token_id: null }), "the")))
    expect((error as Error).message).toBe(
      "config.json: expected decoder_start_token_id and eos_token_id, there or in generation_config.json, got " +
        '{"decoder_start_token_id":0,"eos_token_id":null}. Only encoder-decoders can be read.',
    )
  })

  it("whose model onnxruntime cannot read is a sentence that names the file", async () => {
    const folder = made(german)
    writeFileSync(path.join(folder, "onnx/decoder_model.onnx"), "no model")
    const error = await Effect.runPromise(Effect.flip(translate(folder, "the")))
    expect((error as Error).message).toMatch(
      /^session "onnx\/decoder_model.onnx": expected a graph that onnxruntime can run, got /u,
    )
  })
})
