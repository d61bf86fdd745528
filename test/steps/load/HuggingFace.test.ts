import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Hub from "@thaw/hub/Hub"
import * as Load from "@thaw/steps/Load"
import { parquetWriteBuffer } from "hyparquet-writer"
import { Layer } from "effect"
import { describe, expect, it } from "vitest"
import * as World from "../../core/world.ts"
import * as FakeHub from "../../hub/fakeHub.ts"

type Write = Parameters<typeof parquetWriteBuffer>[0]
type Options = Omit<Parameters<typeof Load.huggingFace>[0], "path">
type Files = FakeHub.Repository["commits"][string]

const main = "a".repeat(40)
const converted = "c".repeat(40)
const address = "hf://datasets/acme/moods"
const columns = { text: "text", label: "label" } as const

const parquet = (columnData: Write["columnData"], features?: unknown) =>
  Buffer.from(
    parquetWriteBuffer({
      columnData,
      ...(features !== undefined && { kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }] }), // prettier-ignore
    }),
  )
const moods = (texts: ReadonlyArray<string>, labels: ReadonlyArray<number>, features?: unknown) =>
  parquet(
    [
      { name: "text", data: [...texts], type: "STRING" },
      { name: "label", data: labels.map(BigInt), type: "INT64" },
    ],
    features,
  )
/** One row with lists, as three-level lists of the format. */
const tagged = (words: ReadonlyArray<string>, ner: ReadonlyArray<bigint>, features?: unknown) => {
  const list = (name: string, element: object) => [
    { name, repetition_type: "OPTIONAL", converted_type: "LIST", num_children: 1 } as const,
    { name: "list", repetition_type: "REPEATED", num_children: 1 } as const,
    { name: "element", repetition_type: "OPTIONAL", ...element } as const,
  ]
  return Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: "words", data: [[...words]] },
        { name: "ner", data: [[...ner]] },
      ],
      schema: [
        { name: "root", num_children: 2 },
        ...list("words", { type: "BYTE_ARRAY", converted_type: "UTF8" }),
        ...list("ner", { type: "INT64" }),
      ],
      kvMetadata: features === undefined ? [] : [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
    }),
  )
}
const named = { label: { names: ["bad", "good"], _type: "ClassLabel" } }

const dataset = (files: Files, more: Partial<FakeHub.Repository> = {}): FakeHub.Repository => ({
  kind: "dataset",
  name: "acme/moods",
  revisions: { main },
  commits: { [main]: files },
  ...more,
})

const worldOf = (settings: Hub.Settings) =>
  World.make(4, () => ({}), Layer.merge(ArtifactStore.memory, Layer.succeed(Hub.Hub, settings)))
const pipelineOf = (options: Options, path = address) =>
  Pipeline.make("x", { seed: 1, outputs: { examples: Load.huggingFace({ path, ...options }) } })

const rowsOf = async (world: ReturnType<typeof worldOf>, pipeline: Pipeline.Pipeline) => {
  const { outputs, steps } = await world.run(pipeline)
  return { rows: [...Dataset.rowsOf(outputs["examples"] as Dataset.Examples)], step: steps["Load.huggingFace"] }
}
const labelled = (rows: ReadonlyArray<Dataset.Example>) => rows.map(({ text, labels }) => [text, labels["label"]])

const load = async (files: Files, options: Options, path?: string) => {
  const hub = await FakeHub.start(dataset(files))
  return (await rowsOf(worldOf(hub.settings), pipelineOf(options, path))).rows
}
const refusal = async (files: Files, options: Options, path = address) => {
  const hub = await FakeHub.start(dataset(files))
  const { problem } = (await worldOf(hub.settings).failure(pipelineOf(options, path))) as { problem: string }
  return problem.replaceAll(new URL(hub.url).host, "HOST")
}

describe("a dataset on a hub", () => {
  const files = {
    "README.md": "# Moods",
    "data/train-00000-of-00002.parquet": moods(["one", "two"], [0, 1], named),
    "data/train-00001-of-00002.parquet": moods(["three"], [-1], named),
    "data/test-00000-of-00001.parquet": moods(["four"], [1], named),
  }

  it("gives the rows of a split's files in order, labels by the names in their metadata", async () => {
    expect(labelled(await load(files, columns))).toEqual([
      ["one", "bad"],
      ["two", "good"],
      ["three", undefined],
    ])
    expect(labelled(await load(files, { ...columns, split: "test" }))).toEqual([["four", "good"]])
    const renamed = await load(files, { ...columns, split: "test", labelNames: { label: ["no", "yes"] } })
    expect(labelled(renamed)).toEqual([["four", "yes"]])
  })

  it("is kept by its commit: it runs once, then without any request, offline too", async () => {
    const hub = await FakeHub.start(dataset(files))
    const world = worldOf(hub.settings)
    const pipeline = pipelineOf(columns)
    const at = `${address}@${main}`
    expect(await world.plan(pipeline)).toEqual({ "Load.huggingFace": `Run: never ran in this pipeline; reads ${at}` })
    expect((await rowsOf(world, pipeline)).step).toBe("ran")
    expect(world.events.find(({ _tag }) => _tag === "stepStarted")).toMatchObject({ why: `never ran in this pipeline; reads ${at}` }) // prettier-ignore
    expect(world.events.findLast(({ _tag }) => _tag === "progressed")).toMatchObject({ unit: "kB" })
    expect(hub.requests.map(({ url }) => url).filter((url) => url.includes("test-0000"))).toEqual([])
    hub.requests.length = 0
    expect((await rowsOf(world, pipeline)).step).toBe("cached")
    expect(await world.plan(pipeline)).toEqual({ "Load.huggingFace": `Reuse: nothing changed; reads ${at}` })
    const elsewhere = worldOf({ ...hub.settings, offline: true })
    expect(labelled((await rowsOf(elsewhere, pipeline)).rows)).toHaveLength(3)
    // The commit written out is the same content.
    expect((await rowsOf(world, pipelineOf(columns, at))).step).toBe("cached")
    expect(hub.requests).toEqual([])
  })

  it("that moved is read anew when it is looked up again, and says from where to where", async () => {
    const moving = dataset(files, { commits: { [main]: files, ["b".repeat(40)]: { "train.parquet": moods(["new"], [0], named) } } }) // prettier-ignore
    const hub = await FakeHub.start(moving)
    const settings = { ...hub.settings }
    const world = worldOf(settings)
    await world.run(pipelineOf(columns))
    moving.revisions["main"] = "b".repeat(40)
    expect((await rowsOf(world, pipelineOf(columns))).step).toBe("cached")
    Object.assign(settings, { refresh: true })
    expect(await world.plan(pipelineOf(columns))).toEqual({
      "Load.huggingFace": `Run: path: ${address}@${main} → ${address}@${"b".repeat(40)}`,
    })
    expect(labelled((await rowsOf(world, pipelineOf(columns))).rows)).toEqual([["new", "bad"]])
  })

  it("without Parquet files is read as the hub converted it", async () => {
    const hub = await FakeHub.start(
      dataset(
        { "train.csv": "text,label\n" },
        {
          revisions: { main, "refs/convert/parquet": converted },
          commits: {
            [main]: { "train.csv": "text,label\n" },
            [converted]: {
              "default/train/0000.parquet": moods(["one"], [1], named),
              "default/validation/0000.parquet": moods(["two"], [0], named),
            },
          },
        },
      ),
    )
    const { rows } = await rowsOf(worldOf(hub.settings), pipelineOf({ ...columns, split: "dev" }))
    expect(labelled(rows)).toEqual([["two", "bad"]])
    hub.requests.length = 0
    const again = await rowsOf(worldOf({ ...hub.settings, offline: true }), pipelineOf({ ...columns, split: "dev" }))
    expect(again.rows).toEqual(rows)
    expect(hub.requests).toEqual([])
  })

  it("names labels and files by its card", async () => {
    const card = `---
dataset_info:
- config_name: small
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '1': happy
          '0': sad
configs:
- config_name: small
  default: true
  data_files:
  - split: train
    path: parts/a-*
- config_name: large
  data_files:
  - split: train
    path: [parts/a-*, parts/b.parquet]
---
# Moods
`
    const parts = { "README.md": card, "parts/a-1.parquet": moods(["one"], [1]), "parts/b.parquet": moods(["two"], [0]) } // prettier-ignore
    expect(labelled(await load(parts, columns))).toEqual([["one", "happy"]])
    expect(labelled(await load(parts, { ...columns, config: "large" }))).toEqual([
      ["one", "1"],
      ["two", "0"],
    ])
  })

  it("reads tags by the names in metadata and card, and pairs and scores", async () => {
    const tokens = ["in", "New", "York"]
    const ner = { feature: { names: ["O", "B-place", "I-place"], _type: "ClassLabel" }, _type: "Sequence" }
    const options = { tokens: "words", tags: { entities: "ner" } }
    const [row] = await load({ "train.parquet": tagged(tokens, [0n, 1n, 2n], { ner }) }, options)
    expect(row).toMatchObject({ tokens, tags: { entities: ["O", "B-place", "I-place"] } })
    const card = "---\ndataset_info:\n  features:\n  - name: ner\n    sequence:\n      class_label:\n        names:\n          '0': O\n          '1': B-p\n          '2': I-p\n---\n" // prettier-ignore
    const [carded] = await load({ "README.md": card, "train.parquet": tagged(tokens, [0n, 1n, 2n]) }, options)
    expect(carded).toMatchObject({ tags: { entities: ["O", "B-p", "I-p"] } })
    const pairs = parquet([
      { name: "a", data: ["x"], type: "STRING" },
      { name: "b", data: ["y"], type: "STRING" },
      { name: "sim", data: [0.5], type: "DOUBLE" },
    ])
    const [pair] = await load({ "train.parquet": pairs }, { text: "a", pair: "b", score: "sim" })
    expect(pair).toMatchObject({ text: "x", pair: "y", scores: { sim: 0.5 } })
  })
})

describe("a dataset is refused in one sentence", () => {
  const two = { "en/train.parquet": moods(["a"], [0]), "de/train.parquet": moods(["b"], [0]) }
  const at = `${address}@${main}`

  it.each<readonly [string, Files, Options, string]>([
    ["without Parquet files", { "a.csv": "x" }, columns, `${at}: expected Parquet files, got none. The hub's own conversion is at the revision refs/convert/parquet.`],
    ["with another split", { "train.parquet": moods(["a"], [0]) }, { ...columns, split: "tran" }, `${at}: expected a split of the dataset, got "tran". Did you mean "train"?`],
    ["with several configs", two, columns, `${at}: expected a config, got none. Known are "de", "en".`],
    ["with another config", two, { ...columns, config: "fr" }, `${at}: expected a config of the dataset, got "fr". Known are "de", "en".`],
    ["with another column", { "train.parquet": moods(["a"], [0]) }, { text: "txt" }, `${at}/train.parquet: expected a column "txt", got the columns "text", "label". Did you mean "text"?`],
    ["with a number that has no name", { "train.parquet": moods(["a"], [7], named) }, columns, `${at}/train.parquet, row 1: expected one of 2 labels in field "label", got 7n.`],
  ])("%s", async (_, files, options, told) => {
    expect(await refusal(files, options)).toBe(told)
  }) // prettier-ignore

  it("that is not there or no dataset", async () => {
    const hub = await FakeHub.start(dataset({}))
    const world = worldOf(hub.settings)
    const plan = (path: string) => world.plan(pipelineOf(columns, path))
    await expect(plan("hf://datasets/acme/mood")).rejects.toThrow('Did you mean "acme/moods"?')
    await expect(plan("hf://acme/moods")).rejects.toThrow(
      '"hf://acme/moods": expected the address of a dataset, got that of a model. Did you mean "hf://datasets/acme/moods"?',
    )
    await expect(plan("acme/moods")).rejects.toThrow(
      '"acme/moods": expected hf://datasets/<owner>/<name>@<revision> or hf://<owner>/<name>@<revision>, got "acme/moods".',
    )
  })
})
