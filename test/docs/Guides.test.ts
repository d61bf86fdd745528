/** The snippets of the guides are pipelines: each is run, on a small encoder and a small table. */
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { pathToFileURL } from "node:url"
import type { Pipeline } from "@thaw/core/Pipeline"
import type { HuggingFace } from "@thaw/steps/export/HuggingFace"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Head from "@thaw/models/Head"
import * as Export from "@thaw/steps/Export"
import * as Seq2SeqFolder from "../models/seq2seq.ts"
import * as Corpus from "../steps/corpus.ts"
import * as World from "../steps/world.ts"

const guides = path.join(import.meta.dirname, "../../docs/guides")
// Below this file, so that the snippets' imports are found.
const folder = mkdtempSync(path.join(import.meta.dirname, "snippets-"))
const world = World.make({ folder, home: path.join(folder, "home") })

const rows = Corpus.rows(60, "text", "r").map(({ text, labels }, at) =>
  [
    text,
    labels["topic"],
    labels["mood"] ?? (at % 2 === 0 ? "good" : "bad"),
    `k${at % 15}`,
    1 + at,
    ["joy", "joy|love", "love", ""][at % 4],
    at % 5 === 0 ? "" : at % 3,
  ].join(","),
)

beforeAll(async () => {
  writeFileSync(path.join(folder, "support.csv"), ["text,topic,mood,customer,day,feelings,stars", ...rows].join("\n"))
  const pairs = Corpus.rows(60, "text", "p").map(({ text, labels }, at) =>
    [text, `it is about a ${labels["topic"]} p${at}`, (at % 6) / 5, at % 2 === 0 ? "yes" : "no"].join(","),
  )
  writeFileSync(path.join(folder, "pairs.csv"), ["question,answer,rating,same", ...pairs].join("\n"))
  const sentences = Corpus.rows(120, "text", "b").map(({ text }) => `The story: ${text}.`)
  writeFileSync(path.join(folder, "books.txt"), sentences.join("\n"))
  const topic = { ...Corpus.tasks.topic, head: Head.classification() }
  const before = Corpus.trained({ tasks: { topic }, epochs: 1 })
  const exported = Export.huggingFace({ trained: before })
  const { folders } = await world.run({ encoder: Corpus.encoder(), before, exported })
  const copied = (from: string, to: string) => cpSync(from, path.join(folder, to), { recursive: true })
  copied(folders.encoder, "encoder")
  copied(folders.before, "before")
  copied(path.join(folders.exported, "tasks/topic"), "model")
  copied(path.join(folder, "model"), "theirs")
  const config = path.join(folder, "theirs/config.json")
  const unnamed = readFileSync(config, "utf8").replaceAll('"animal"', '"LABEL_0"').replaceAll('"tool"', '"LABEL_1"')
  chmodSync(config, 0o644)
  writeFileSync(config, unnamed)
  cpSync(path.join(import.meta.dirname, "../fixtures/masked"), path.join(folder, "bert"), { recursive: true })
  writeFileSync(path.join(folder, "synonyms.tsv"), "a\t1\thappy|merry\na\t2\tsad|sorry\n")
  const foreign = { the: "die", happy: "froh", lovely: "lieb", cat: "katze", is: "ist", here: "hier" }
  const home = { die: "the", froh: "glad", lieb: "dear", katze: "cat", ist: "is", hier: "there" }
  Seq2SeqFolder.write(path.join(folder, "en-de"), foreign)
  Seq2SeqFolder.write(path.join(folder, "de-en"), home)
})
afterAll(async () => {
  await world.dispose()
  rmSync(folder, { recursive: true, force: true })
})

/** Snippets of a guide that begin a file or continue the one that does, under the headings they stand below. */
const snippetsOf = (guide: string): ReadonlyArray<readonly [heading: string, code: string]> => {
  const text = readFileSync(path.join(guides, guide), "utf8")
  let heading = guide
  const found: Array<readonly [string, string]> = []
  for (const part of text.split(/^(?=#+ |```)/m)) {
    const title = /^#+ (.*)/.exec(part)?.[1]
    if (title !== undefined) heading = title
    const code = /^```ts\n([\s\S]*)/.exec(part)?.[1]
    if (code !== undefined) found.push([heading, code])
  }
  return found
}

describe.each(readdirSync(guides))("%s", (guide) => {
  const [preamble, ...snippets] = snippetsOf(guide)

  it("has snippets", () => {
    expect(preamble?.[1]).toContain("import { Pipeline }")
    expect(snippets.length).toBeGreaterThan(0)
  })

  it.each(snippets.map(([heading, code], at) => ({ heading, code, at })))(
    "runs: $heading ($at)",
    async ({ code, at }) => {
      const file = path.join(folder, `${path.basename(guide, ".md")}-${at}.ts`)
      writeFileSync(file, `${preamble![1]}\n${code}`)
      const { default: pipeline } = (await import(pathToFileURL(file).href)) as { readonly default: Pipeline }
      const { values } = await world.run(pipeline.outputs, pipeline.seed)
      const { model, ...scores } = values as { readonly model?: unknown }
      // What a guide exports stands beside scores, under this name.
      if (model !== undefined) expect((model as HuggingFace).files.has("README.md")).toBe(true)
      expect(Object.keys(scores).length).toBeGreaterThan(0)
      for (const value of Object.values(scores)) {
        const { tasks } = value as { readonly tasks: ReadonlyArray<{ readonly examples: number }> }
        expect(tasks.length).toBeGreaterThan(0)
        for (const { examples } of tasks) expect(examples).toBeGreaterThan(0)
      }
    },
  )
})
