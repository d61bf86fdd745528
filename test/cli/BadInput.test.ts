/** What people get wrong, from the shell: one sentence with the place and what to do, an exit code, nothing half-written. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import * as Folder from "../models/encoderFolder.ts"
import { project, thaw } from "./thaw.ts"

const csv = [
  "id,text,topic",
  ...Array.from(
    { length: 40 },
    (_, at) => `r${at},the ${at % 2 === 0 ? "cat" : "saw"} number ${at},${at % 2 === 0 ? "animal" : "tool"}`,
  ),
].join("\n")

/** A project with data and a pipeline whose encoder and data are these expressions. */
const broken = (
  given: {
    readonly files?: Readonly<Record<string, string | Uint8Array>>
    readonly encoder?: string
    readonly examples?: string
    readonly parts?: string
    readonly freeze?: string
  },
  folder = project(),
) => {
  const files = { "data.csv": csv, ...given.files }
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), content)
  }
  writeFileSync(
    path.join(folder, "bad.ts"),
    `import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Evaluate, Export, Freeze, Load, Split, Train } from "@thaw/steps"
const load = (path: string) => Load.csv({ path, id: "id", text: "text", labels: { topic: "topic" } })
const parts = ${given.parts ?? `Split.stratified({ examples: ${given.examples ?? `load("./data.csv")`}, validation: 0.2, test: 0.2 })`}
const encoder = ${given.encoder ?? `Encoder.fromScratch({ corpus: parts.train, vocabularySize: 80, blocks: 1, hidden: 8, heads: 2, maxTokens: 16 })`}
const head = Head.classification({ pooling: "mean" })
const trained = Train.multiTask({
  encoder,
  tasks: { topic: { head, train: parts.train, validation: parts.validation } },
  learningRate: LearningRate.constant(1e-3),
  freeze: ${given.freeze ?? "Freeze.nothing()"},
  epochs: 1,
})
export default Pipeline.make("bad", {
  seed: 1,
  outputs: { scores: Evaluate.tasks({ trained, test: { topic: parts.test } }), model: Export.checkpoint({ trained }) },
})
`,
  )
  return folder
}

const run = async (folder: string) => {
  const ended = await thaw(folder, ["run", "bad.ts"])
  const scratch = path.join(folder, ".thaw/store/scratch")
  expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([])
  expect(existsSync(path.join(folder, ".thaw/outputs/bad"))).toBe(false)
  const lines = ended.stderr.trimEnd().split("\n")
  expect(lines, ended.stderr).toHaveLength(1)
  return { code: ended.code, sentence: lines[0]! }
}

const weights = (tensors = Folder.tensors()) => Folder.safetensors(tensors)
const encoderFiles = {
  "encoder/config.json": JSON.stringify(Folder.config),
  "encoder/vocab.txt": Folder.vocabulary.join("\n"),
  "encoder/model.safetensors": weights(),
}
const fromFolder = `Encoder.fromFolder({ path: "./encoder" })`

describe("thaw run says in one sentence what is wrong with", () => {
  it("a file that is not there", async () => {
    const { code, sentence } = await run(broken({ examples: `load("./date.csv")` }))
    // Known from the plan: nothing ran.
    expect(code).toBe(2)
    expect(sentence).toMatch(
      /^error: .*Load\.csv.*: expected a readable file at .*date\.csv, got nothing there\. Did you mean "data\.csv"\?$/,
    )
  })

  it.each([
    ["a column that is not there", csv.replace("topic", "topics"), /data\.csv.*"topic".*Did you mean "topics"/],
    ["an empty file", "", /data\.csv.*: expected /],
    ["a file with a header only", "id,text,topic\n", /data\.csv.*: expected /],
    ["a row without text", csv.replace("the cat number 4,", ","), /data\.csv.*(line|row) 6.*: expected /],
    ["two rows with one id", csv.replace("r4,", "r3,"), /data\.csv.*: expected /],
    [
      "one label only",
      csv.replaceAll(",tool", ",animal"),
      /Train\.heads.*: expected at least two labels, got "animal"/,
    ],
  ])("%s", async (_, content, sentence) => {
    const got = await run(broken({ files: { "data.csv": content } }))
    expect(got.sentence).toMatch(sentence)
    expect(got.code).toBe(1)
  })

  it("bytes that are no UTF-8", async () => {
    const bytes = Buffer.from(csv)
    bytes[bytes.indexOf("the saw")] = 0xff
    const { code, sentence } = await run(broken({ files: { "data.csv": bytes } }))
    expect(sentence).toMatch(/data\.csv.*(line|row) 3.*: expected .*UTF-8/)
    expect(code).toBe(1)
  })

  it("a label that only the test part has", async () => {
    const test = csv.split("\n").slice(0, 6).join("\n").replaceAll("number", "nr").replace(",tool", ",plant")
    const { code, sentence } = await run(
      broken({
        files: { "test.csv": test },
        parts: `Split.given({ train: load("./data.csv"), test: load("./test.csv") })`,
      }),
    )
    expect(sentence).toMatch(/^error: .*expected .*train.*, got .*"plant"/)
    expect(code).toBe(1)
  })

  it.each([
    [
      "an encoder's architecture",
      { "encoder/config.json": JSON.stringify({ ...Folder.config, model_type: "bart" }) },
      /\.\/encoder, config\.json: expected a model_type among "bert", "distilbert", .*"xlm-roberta", got "bart"/,
    ],
    [
      "an encoder's weights",
      { "encoder/model.safetensors": weights().subarray(0, 900) },
      /model\.safetensors.*: expected /,
    ],
  ])("%s", async (_, files, sentence) => {
    const got = await run(broken({ files: { ...encoderFiles, ...files }, encoder: fromFolder }))
    expect(got.sentence).toMatch(sentence)
    expect(got.code).toBe(1)
  })

  it("the pipeline's own arguments, before anything runs", async () => {
    const folder = broken({
      encoder: `Encoder.fromScratch({ corpus: parts.train, vocabularySize: 0, blocks: 1, hidden: 8, heads: 2 })`,
    })
    const { code, sentence } = await run(folder)
    expect(sentence).toMatch(/vocabularySize/)
    expect(code).toBe(2)
    expect(existsSync(path.join(folder, ".thaw/store/results"))).toBe(false)
  })
})

describe("an artifact that was edited in the store", () => {
  it("is named by the run that needs it", async () => {
    const folder = broken({})
    expect(await thaw(folder, ["run", "bad.ts"])).toMatchObject({ code: 0, stderr: "" })
    const model = realpathSync(path.join(folder, ".thaw/outputs/bad/model"))
    const heads = path.join(model, "heads.json")
    chmodSync(heads, 0o644)
    writeFileSync(heads, "{}")
    const predicted = await thaw(folder, ["predict", ".thaw/outputs/bad/model", "--text", "the cat"])
    expect(predicted.code).toBe(1)
    expect(predicted.stderr).toMatch(/^error: .*model: expected a checkpoint with heads, got one without\./)

    // The first of two phases is what the one phase was, so its result is taken from the store.
    const [moments, ...others] = readdirSync(path.join(folder, ".thaw/store/artifacts"))
      .map((hash) => path.join(folder, ".thaw/store/artifacts", hash, "files/optimizer.safetensors"))
      .filter((file) => existsSync(file))
    expect(others).toEqual([])
    const bytes = readFileSync(moments!)
    bytes[bytes.length - 1]! ^= 1
    chmodSync(moments!, 0o644)
    writeFileSync(moments!, bytes)
    broken(
      { freeze: "Freeze.phases([{ freeze: Freeze.nothing(), epochs: 1 }, { freeze: Freeze.backbone(), epochs: 1 }])" },
      folder,
    )
    const results = () => readdirSync(path.join(folder, ".thaw/store/results")).length
    const kept = results()
    const again = await thaw(folder, ["run", "bad.ts"])
    expect(again.code).toBe(1)
    expect(again.stderr.trimEnd().split("\n")).toHaveLength(1)
    expect(again.stderr).toMatch(/^error: .*optimizer\.safetensors.*: expected .*, got .*/)
    expect(results()).toBe(kept)
  })
})
