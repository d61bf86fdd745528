/** Exported folders answer as the checkpoint that they were made of; folders that were tampered with say what is wrong. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Predict from "@thaw/steps/Predict"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Checkpoints from "../export/checkpoints.ts"

const home = mkdtempSync(path.join(tmpdir(), "thaw-predict-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const sessions = SessionProcess.layer({ threads: 1 })
const predict = (folder: string, texts: ReadonlyArray<string>) =>
  Effect.runPromise(Predict.texts({ folder, texts }).pipe(Effect.provide(sessions)))
const failure = async (folder: string) =>
  (await Effect.runPromise(Effect.flip(Predict.texts({ folder, texts: ["x"] }).pipe(Effect.provide(sessions))))).message

const long = `${"happy ".repeat(2000)}cat`
const texts = ["the cat sat on it.", "", "dog  happy,\tcats 👍 it", "cat", long]

/** The checkpoint's own folder. */
const saved = async (checkpoint: Checkpoint.Checkpoint) => {
  const files = await Effect.runPromise(Checkpoint.Checkpoint.write(checkpoint))
  return Checkpoints.written({ files })
}

/** The same labels, entities and order; probabilities up to rounding. */
const same = (given: ReadonlyArray<Predict.Answered>, wanted: ReadonlyArray<Predict.Answered>) => {
  const rounded = (answers: ReadonlyArray<Predict.Answered>): unknown =>
    JSON.parse(JSON.stringify(answers), (_, value: unknown) =>
      typeof value === "number" && !Number.isInteger(value) ? Number(value.toFixed(4)) : value,
    )
  expect(rounded(given)).toEqual(rounded(wanted))
}

describe.each(Checkpoints.families)("an exported %s", (family) => {
  it("answers every task as its checkpoint does, as a whole and task by task", async () => {
    const labels = ["B-animal", "I-animal", "O", "B-tool", "I-tool"]
    const checkpoint = Checkpoints.make(family, {
      heads: {
        ...Checkpoints.heads,
        entities: { ...Head.tokenClassification(), labels },
        moods: { kind: "multiLabel", pooling: "cls", threshold: 0.3, labels: ["calm", "joy", "love"] },
        stars: { kind: "regression", pooling: "cls", center: 1, scale: 0.25, labels: [] },
      },
    })
    const folder = await Effect.runPromise(Checkpoints.exported(checkpoint)).then(Checkpoints.written)
    const wanted = await predict(await saved(checkpoint), texts)
    const found = wanted.flatMap(({ tasks }) => (tasks["entities"] as { entities: ReadonlyArray<unknown> }).entities)
    expect(found.length).toBeGreaterThan(0)
    same(await predict(folder, texts), wanted)
    for (const task of ["topic", "entities", "moods", "stars"]) {
      const own = wanted.map((answer) => ({ ...answer, tasks: { [task]: answer.tasks[task]! } }))
      same(await predict(path.join(folder, "tasks", task), texts), own)
    }
  })
})

it("heads that transformers has no class for answer from their folders, too", async () => {
  const checkpoint = Checkpoints.make("bert", {
    heads: { mood: { ...Head.classification({ pooling: "mean" }), labels: ["good", "bad"] } },
  })
  const exported = Checkpoints.exported(checkpoint, { otherHeads: "onnx" })
  const folder = await Effect.runPromise(exported).then(Checkpoints.written)
  const wanted = await predict(await saved(checkpoint), texts)
  same(await predict(folder, texts), wanted)
  same(await predict(path.join(folder, "tasks/mood"), texts), wanted)
})

it("a folder that is opened once answers again and again", async () => {
  const folder = await Effect.runPromise(Checkpoints.exported(Checkpoints.make("bert"))).then(Checkpoints.written)
  const [first, second] = await Effect.runPromise(
    Effect.gen(function* () {
      const answer = yield* Predict.open(folder)
      return [yield* answer(texts), yield* answer([texts[3]!])]
    }).pipe(Effect.scoped, Effect.provide(sessions)),
  )
  expect(second).toEqual([first![3]])
})

describe("an exported folder that was tampered with", () => {
  const sound = Effect.runPromise(Checkpoints.exported(Checkpoints.make("bert"))).then(Checkpoints.written)
  const changed = async (
    name: string,
    content: string | Uint8Array | ((before: Uint8Array) => string | Uint8Array),
  ) => {
    const folder = mkdtempSync(path.join(home, "bad-"))
    cpSync(await sound, folder, { recursive: true })
    const place = path.join(folder, name)
    writeFileSync(place, typeof content === "function" ? content(readFileSync(place)) : content)
    return folder
  }
  const relabelled = (before: Uint8Array) => {
    const heads = JSON.parse(new TextDecoder().decode(before)) as { topic: { labels: Array<string> } }
    heads.topic.labels.push("one more")
    return JSON.stringify(heads)
  }
  const config = (change: (config: Record<string, unknown>) => void) => (before: Uint8Array) => {
    const json = JSON.parse(new TextDecoder().decode(before)) as Record<string, unknown>
    change(json)
    return JSON.stringify(json)
  }
  /** Another name of the same length, wherever it stands. */
  const renamed = (from: string, to: string) => (before: Uint8Array) =>
    Buffer.from(Buffer.from(before).toString("latin1").replaceAll(from, to), "latin1")
  /** A field of a protobuf message. A message that is appended to one is merged with it. */
  const field = (number: number, content: string | Buffer) =>
    Buffer.concat([Buffer.from([number * 8 + 2, content.length]), Buffer.from(content)])
  /** With an initializer more, whose numbers are said to lie in another file. */
  const outside = (before: Uint8Array) => {
    const location = Buffer.concat([field(1, "location"), field(2, "../../secret")])
    const initializer = Buffer.concat([field(8, "more"), field(13, location)])
    return Buffer.concat([before, field(7, field(5, initializer))])
  }

  it.each([
    ["heads.json", "{", ": expected JSON, got "],
    ["heads.json", "{}", ": expected heads that answer tasks, got none."],
    ["heads.json", relabelled, ", logits.topic: expected scores of 4 labels, [batch, 4], got [batch, 3]."],
    ["heads.json", `{"other":{"kind":"classification","pooling":"cls","labels":["a","b"]}}`, `: expected an output "logits.other", got "logits.`], // prettier-ignore
    ["all-heads.onnx", "no graph at all", ": expected an ONNX file, got 15 other bytes. Export.huggingFace makes such folders."], // prettier-ignore
    ["all-heads.onnx", "", ": expected an ONNX file with a graph, got one without."],
    ["encoder/config.json", `{"model_type":"gpt2"}`, `: expected a model_type among `],
    ["encoder/tokenizer.json", "[]", ": expected "],
    ["all-heads.onnx", outside, ": expected an ONNX file with its weights inside, got weights in a file of their own."],
    [
      "all-heads.onnx",
      renamed("input_ids", "input_idz"),
      ": expected inputs among input_ids: int64, attention_mask: int64, token_type_ids: int64, got token_type_ids: int64, input_idz: int64, ",
    ],
    [
      "all-heads.onnx",
      renamed("LayerNormalization", "LayerNormalizatioM"),
      ": expected a graph that onnxruntime can run, got ",
    ],
  ])("%s: says so in one sentence (%#)", async (name, content, sentence) => {
    const folder = await changed(name, content)
    const message = await failure(folder)
    expect(message).toContain(folder)
    expect(message).toContain(sentence)
    expect(message).not.toContain("\n")
  })

  it.each([
    [
      config((json) => delete json["id2label"]),
      ": expected a folder that answers a task, got an encoder without a head.",
    ],
    [config((json) => (json["id2label"] = { 0: "a", 7: "b" })), `, id2label: expected the ids 0 to 1, got "0", "7".`],
    [config((json) => (json["problem_type"] = "ranking")), `, problem_type: expected single_label_classification, multi_label_classification or regression, got "ranking".`], // prettier-ignore
    [config((json) => (json["problem_type"] = "regression")), ", id2label: expected one entry, for the number, got 3."],
    [config((json) => Object.assign(json, { problem_type: "regression", id2label: { 0: "LABEL_0" } })), ", logits: expected scores of one number, [batch, 1], got [batch, 3]."], // prettier-ignore
    [config((json) => (json["threshold"] = 2)), `, threshold: expected `],
    [config((json) => (json["architectures"] = ["BertForMaskedLM"])), `, architectures: expected a class for sequence or token classification, got "BertForMaskedLM".`], // prettier-ignore
    [config((json) => (json["architectures"] = ["BertForTokenClassification"])), ", logits: expected scores of 3 labels, [batch, tokens, 3], got [batch, 3]."], // prettier-ignore
  ])("a task's config.json: says so in one sentence (%#)", async (change, sentence) => {
    const folder = await changed("tasks/topic/config.json", change)
    expect(await failure(path.join(folder, "tasks/topic"))).toContain(sentence)
  })

  it("points from the encoder's folder to those that answer", async () => {
    expect(await failure(path.join(await sound, "encoder"))).toMatch(
      /encoder: expected a folder that answers a task, got an encoder without a head\. Of an exported folder, the whole answers every task and tasks\/<task> answers one\.$/,
    )
  })

  it("names the file that is missing", async () => {
    const folder = mkdtempSync(path.join(home, "empty-"))
    mkdirSync(path.join(folder, "onnx"))
    expect(await failure(folder)).toBe(
      `${path.join(folder, "config.json")}: expected a file of an exported folder, got nothing there.`,
    )
  })
})
