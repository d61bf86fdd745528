import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Seed from "@thaw/core/Seed"
import * as Encoder from "@thaw/models/Encoder"
import * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import * as Seq2Seq from "@thaw/models/Seq2Seq"
import * as Augment from "@thaw/steps/Augment"
import * as Copies from "@thaw/steps/augment/Copies"
import * as NormalisedText from "@thaw/steps/NormalisedText"
import * as Split from "@thaw/steps/Split"
import * as Load from "@thaw/steps/Load"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Seq2SeqFolder from "../models/seq2seq.ts"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const folder = mkdtempSync(path.join(tmpdir(), "thaw-augment-"))
const world = World.make({ folder })
const two = World.make({ folder, threads: 2 })
const temporary = [folder]
afterAll(async () => {
  await world.dispose()
  await two.dispose()
  for (const each of temporary) rmSync(each, { recursive: true, force: true })
})

const rows = Corpus.rows(40, "text", "t")
const trainOf = (given: ReadonlyArray<Dataset.Example>, form: "text" | "tokens" = "text") =>
  Corpus.parts({ train: given, heldOut: Corpus.rows(4, form, "h"), form }).train
const train = trainOf(rows)

const rowsIn = (dataset: unknown) => [...Dataset.rowsOf(dataset as Dataset.Dataset)]
const byId = (dataset: unknown) => new Map(rowsIn(dataset).map((row) => [row.id, row]))

const eda = Augment.oneOf([
  Augment.synonyms({ p: 0.3 }),
  Augment.sequence([Augment.swap(), Augment.sometimes(0.5, Augment.typos())]),
  Augment.delete({ p: 0.3 }),
  Augment.insert(),
  Augment.characters({ p: 0.2 }),
])

describe("augmented examples", () => {
  it("are the examples, and copies with their labels, their origin and an id of their own", async () => {
    const { values } = await world.run(Augment.examples({ examples: train, operation: eda, copies: 3 }))
    const all = rowsIn(values.examples)
    expect(all.slice(0, rows.length)).toEqual(rows)
    const copies = all.slice(rows.length)
    expect(copies.length).toBeGreaterThan(rows.length * 2)
    const origins = byId(train)
    for (const copy of copies) {
      const origin = origins.get(copy.origin)!
      expect(copy.id).toMatch(new RegExp(`^${origin.id}~[123]$`, "u"))
      expect(copy.labels).toEqual(origin.labels)
    }
    const texts = all.map(NormalisedText.ofExample)
    expect(new Set(texts).size).toBe(texts.length)
    const { report } = values
    expect(report.examples).toBe(rows.length)
    expect(report.copies).toBe(copies.length)
    expect(report.copies + report.dropped.equalToOrigin + report.dropped.equalToAnother).toBe(3 * rows.length)
    expect(report.made.map(({ id }) => id)).toEqual(copies.map(({ id }) => id))
    expect(report.sample).toHaveLength(20)
    for (const { id, before, after } of report.sample) {
      expect(after).toBe(byId(values.examples).get(id)!.text)
      expect(before).toBe(origins.get(id.split("~")[0]!)!.text)
    }
    const words = Object.values(report.operations).reduce((sum, each) => sum + each.words, 0)
    expect(words).toBeGreaterThanOrEqual(report.copies)
  })

  it("say the same for the same seed and id, whatever the order and the company of the examples", async () => {
    const shuffled = Seed.stream(Seed.make(3), "order").shuffle(rows)
    const [straight, mixed, few] = await Promise.all(
      [rows, shuffled, shuffled.slice(0, 11)].map(async (given) => {
        const { values } = await world.run(Augment.examples({ examples: trainOf(given), operation: eda, copies: 2 }))
        return byId(values.examples)
      }),
    )
    expect(Object.fromEntries(mixed!)).toEqual(Object.fromEntries(straight!))
    // A copy may be missing beside an example that has its text; what is there says the same.
    for (const [id, row] of few!) if (straight!.has(id)) expect(row).toEqual(straight!.get(id))
    expect(few!.size).toBeGreaterThan(20)
  })

  it("differ with the seed", async () => {
    const texts = async (seed: number) => {
      const { values } = await world.run(Augment.examples({ examples: train, operation: eda, originals: "drop" }), seed)
      return rowsIn(values.examples).map(({ text }) => text)
    }
    expect(await texts(1)).not.toEqual(await texts(2))
    expect(await texts(1)).toEqual(await texts(1))
  })

  it("may be augmented again: copies have new numbers, and their first origin", async () => {
    const once = Augment.examples({ examples: train, operation: Augment.swap(), copies: 2 }).examples
    const { values } = await world.run(Augment.examples({ examples: once, operation: Augment.swap() }))
    const ids = [...byId(values.examples).keys()]
    expect(ids).toContain("t0~3")
    expect(ids).toContain("t0~1~1")
    for (const { origin } of rowsIn(values.examples)) expect(origin).toMatch(/^t\d+$/u)
  })

  it("are made of the chosen labels only, and protected words stay", async () => {
    const { values } = await world.run(
      Augment.examples({
        examples: train,
        operation: Augment.characters({ p: 1, max: 4 }),
        only: { task: "mood", labels: ["good"] },
        protect: ["Number"],
        originals: "drop",
      }),
    )
    const copies = rowsIn(values.examples)
    expect(copies.length).toBe(rows.filter(({ labels }) => labels["mood"] === "good").length)
    for (const { labels, text } of copies) {
      expect(labels["mood"]).toBe("good")
      expect(text).toContain("number")
    }
  })

  it("of a token task keep entities and give every token its tag", async () => {
    const given = Corpus.rows(30, "tokens", "t")
    const operation = Augment.sequence([Augment.insert(), Augment.swap(), Augment.delete({ p: 0.2 })])
    const { values } = await world.run(
      Augment.examples({ examples: trainOf(given, "tokens"), operation, originals: "drop" }),
    )
    const entity = ({ tokens, tags }: Dataset.Example) => tokens!.filter((_, at) => tags["thing"]![at] !== "O")
    const origins = new Map(given.map((row) => [row.id, row]))
    for (const copy of rowsIn(values.examples)) {
      expect(copy.tags["thing"]).toHaveLength(copy.tokens!.length)
      expect(entity(copy)).toEqual(entity(origins.get(copy.origin)!))
    }
    const { values: mentioned } = await world.run(
      Augment.examples({
        examples: trainOf(given, "tokens"),
        operation: Augment.mentions({ task: "thing" }),
        originals: "drop",
      }),
    )
    for (const copy of rowsIn(mentioned.examples)) {
      const origin = origins.get(copy.origin)!
      expect(entity(copy)).not.toEqual(entity(origin))
      expect(copy.tags).toEqual(origin.tags)
    }
  })

  it("of pairs have both texts changed, each by itself, and carry labels and scores", async () => {
    const told = { labels: ["topic"], tags: [], scores: ["close"] }
    const pairs = rows.map(({ labels, ...row }, at) => ({
      ...row,
      pair: at === 0 ? "?!" : `what ${row.text} means in other words`,
      labels: { topic: labels["topic"]! },
      scores: { close: at / 8 },
    }))
    const { train: paired } = Dataset.parts(Dataset.examples([], told), { train: pairs })
    const args = {
      operation: Augment.sequence([Augment.swap(), Augment.insert()]),
      copies: 2,
      originals: "drop",
    } as const
    const { values } = await world.run(Augment.examples({ ...args, examples: paired, protect: ["means"] }))
    const copies = rowsIn(values.examples)
    const origins = byId(paired)
    expect(copies).toHaveLength(2 * rows.length)
    for (const { id, origin, text, pair, ...carried } of copies) {
      const from = origins.get(origin)!
      expect(id).toMatch(new RegExp(`^${origin}~[12]$`, "u"))
      expect(carried).toEqual({ labels: from.labels, scores: from.scores, tags: {} })
      expect(text).not.toBe(from.text)
      // Where nothing can be changed the text stays, and the copy is one for the other's sake.
      if (origin === "t0") expect(pair).toBe("?!")
      else {
        expect(pair).not.toBe(from.pair)
        expect(pair).toContain("means")
      }
    }
    expect(new Set(copies.map(NormalisedText.ofExample)).size).toBe(copies.length)
    // The first text is what it would be without a second.
    const { values: alone } = await world.run(Augment.examples({ ...args, examples: train, protect: ["means"] }))
    expect(copies.map(({ text }) => text)).toEqual(rowsIn(alone.examples).map(({ text }) => text))
    expect(values.report.sample[0]!.after).toBe(Copies.textsOf(byId(values.examples).get(values.report.sample[0]!.id)!).join("\n")) // prettier-ignore
  })

  it("find synonyms in a file of one's own", async () => {
    writeFileSync(path.join(folder, "own.tsv"), "a\t1\thappy|merry\n")
    const source = Augment.thesaurus({ path: "./own.tsv" })
    const { values } = await world.run(
      Augment.examples({ examples: train, operation: Augment.synonyms({ source }), originals: "drop" }),
    )
    const copies = rowsIn(values.examples)
    expect(copies.length).toBe(rows.filter(({ text }) => text!.includes("happy")).length)
    for (const { text } of copies) expect(text).toContain("merry")
  })
})

describe("what is held out", () => {
  it("is refused when wires are made without a compiler", () => {
    writeFileSync(path.join(folder, "a.csv"), "text,topic\n")
    const examples = Load.csv({ path: "./a.csv", text: "text", label: "topic" })
    const { test } = Split.stratified({ examples, validation: 0.1, test: 0.2 })
    const wrong = { examples: test as never }
    const outputs = Augment.examples({ ...wrong, operation: Augment.swap() })
    const made = () => Dag.make(Pipeline.make("held", { seed: 1, outputs }))
    expect(made).toThrow(
      "Augment.examples, examples: expected examples/train, got examples/heldOut from Split.stratified.",
    )
    const generated = Augment.generate({ ...wrong, name: "a", version: "1", with: () => "b" })
    expect(() => Dag.make(Pipeline.make("held", { seed: 1, outputs: generated }))).toThrow(
      "Augment.generate, examples: expected examples/train, got examples/heldOut from Split.stratified.",
    )
  })

  it("stays as it is in a pipeline that augments: same bytes with and without", async () => {
    const lines = rows.map(({ text, labels }) => `${text},${labels["topic"]}`)
    writeFileSync(path.join(folder, "rows.csv"), ["text,topic", ...lines].join("\n"))
    const examples = Load.csv({ path: "./rows.csv", text: "text", label: "topic" })
    const parts = () => Split.stratified({ examples, validation: 0.2, test: 0.2 })
    const plain = parts()
    const before = await world.run({ validation: plain.validation, test: plain.test })
    const split = parts()
    const { examples: more } = Augment.examples({ examples: split.train, operation: eda, copies: 2 })
    const after = await world.run({ more, validation: split.validation, test: split.test, train: split.train })
    expect(after.hashes.validation).toBe(before.hashes.validation)
    expect(after.hashes.test).toBe(before.hashes.test)
    const trained = new Set(rowsIn(after.values.train).map(({ id }) => id))
    for (const { origin } of rowsIn(after.values.more)) expect(trained).toContain(origin)
  })
})

describe("what does not fit", () => {
  const refusal = async (operation: Augment.Written, form: "text" | "tokens" = "text") => {
    const examples = trainOf(Corpus.rows(6, form, "t"), form)
    return (await world.failure(Augment.examples({ examples, operation }))).message
  }

  it("mentions of a task without tags", async () => {
    expect(await refusal(Augment.mentions({ task: "thing" }))).toBe(
      'Augment.examples: Augment.mentions: expected tags for task "thing", got none.',
    )
    expect(await refusal(Augment.mentions({ task: "thin" }), "tokens")).toBe(
      'Augment.examples: Augment.mentions: expected tags for task "thin", got "thing". Did you mean "thing"?',
    )
  })

  it("a name where a step's result belongs", async () => {
    const advice = "See Augment.thesaurus, MaskedEncoder.fromFolder and Seq2Seq.fromFolder."
    const expected = "expected the result of a step, or a source that comes with Thaw"
    expect(await refusal(Augment.synonyms({ source: "roget" as never }))).toBe(
      `Augment.examples: Augment.synonyms: ${expected}, got "roget". ${advice}`,
    )
    expect(await refusal(Augment.contextual({ encoder: "bert" as never }))).toBe(
      `Augment.examples: Augment.contextual: ${expected}, got "bert". ${advice}`,
    )
  })

  it("labels of a task that the examples do not have", async () => {
    const { message } = await world.failure(
      Augment.examples({ examples: train, operation: Augment.swap(), only: { task: "topc", labels: ["animal"] } }),
    )
    expect(message).toBe(
      'Augment.examples: Augment, only: expected labels for task "topc", got "topic", "mood". Did you mean "topic"?',
    )
  })

  it("labels that no example has", async () => {
    const only = { task: "topic", labels: ["animals"] } as const
    const { message } = await world.failure(Augment.examples({ examples: train, operation: Augment.swap(), only }))
    expect(message).toBe(
      'Augment.examples: Augment, only: expected examples with a label among "animals" for task "topic", got none. Did you ' +
        'mean "animal"?',
    )
  })

  it("weights for another number of operations", () => {
    const operation = Augment.oneOf([Augment.swap()], { weights: [1, 2] })
    const make = () =>
      Dag.make(Pipeline.make("w", { seed: 1, outputs: Augment.examples({ examples: train, operation }) }))
    expect(make).toThrow(/^Augment.examples, operation: expected .*1 weights, one for each operation/u)
  })
})

describe("models", () => {
  const masked = path.join(import.meta.dirname, "../fixtures/masked")
  const sentences = [
    "the cat sat on a mat",
    "a dog ran near the house",
    "the old horse stood under a tree",
    "good bird",
  ]
  const animals = trainOf(sentences.map((text, at) => ({ id: `t${at}`, origin: `t${at}`, text, labels: {}, tags: {} })))

  it("contextual substitution puts in whole words of the vocabulary, whatever the company and the threads", async () => {
    const encoder = MaskedEncoder.fromFolder({ path: masked })
    const operation = Augment.contextual({ encoder, p: 0.4, topK: 8 })
    const made = async (runner: typeof world, examples: Dataset.TrainExamples) => {
      const { values } = await runner.run(Augment.examples({ examples, operation, copies: 3, originals: "drop" }))
      return byId(values.examples)
    }
    const all = await made(world, animals)
    expect(all.size).toBeGreaterThan(6)
    for (const { text, origin } of all.values()) {
      const before = sentences[Number(origin.slice(1))]!.split(" ")
      const after = text!.split(" ")
      expect(after).toHaveLength(before.length)
      for (const word of after) expect(word).toMatch(/^[a-z]+$/u)
    }
    expect([...(await made(two, animals))]).toEqual([...all])
    const alone = await made(two, trainOf(rowsIn(animals).slice(2, 3)))
    for (const [id, row] of alone) expect(row).toEqual(all.get(id))
  })

  it("a similarity filter drops what means something else, and says so", async () => {
    const encoder = Encoder.fromFolder({ path: masked })
    const operation = Augment.delete({ p: 0.5 })
    const made = async (lowest: number) => {
      const similar = { encoder, lowest }
      const { values } = await world.run(Augment.examples({ examples: animals, operation, copies: 4, similar }))
      return values.report
    }
    const everything = await made(-1)
    const some = await made(0.9)
    const none = await made(1)
    expect(everything.dropped.dissimilar).toBe(0)
    expect(some.copies + some.dropped.dissimilar).toBe(everything.copies)
    expect(some.copies).toBeLessThan(everything.copies)
    expect(none.copies).toBe(0)
  })

  describe("back-translation", () => {
    const words = { the: "die", cat: "katze", sat: "saß", on: "auf", a: "eine", mat: "matte" }
    // On the way back a mat has become a rug.
    const back = { ...Object.fromEntries(Object.entries(words).map(([from, to]) => [to, from])), matte: "rug" }
    let folders: { readonly there: string; readonly back: string }
    beforeAll(() => {
      folders = { there: Seq2SeqFolder.folder(words), back: Seq2SeqFolder.folder(back) }
      temporary.push(folders.there, folders.back)
    })

    it("gives what two models make of a text", async () => {
      const examples = trainOf(rowsIn(animals).slice(0, 1))
      const operation = Augment.backTranslate({
        there: Seq2Seq.fromFolder({ path: folders.there }),
        back: Seq2Seq.fromFolder({ path: folders.back }),
      })
      const { values } = await world.run(Augment.examples({ examples, operation, originals: "drop" }))
      expect(rowsIn(values.examples).map(({ text }) => text)).toEqual(["the cat sat on a rug"])
      expect(values.report.made).toEqual([{ id: "t0~1", operations: ["backTranslate"] }])
    })

    it("is refused where tokens have tags", async () => {
      const examples = trainOf(Corpus.rows(4, "tokens", "t"), "tokens")
      const there = Seq2Seq.fromFolder({ path: folders.there })
      const operation = Augment.backTranslate({ there, back: there })
      const { message } = await world.failure(Augment.examples({ examples, operation }))
      expect(message).toBe(
        'Augment.examples: Augment.backTranslate: expected examples without tags, got tags for "thing". A translation has ' +
          "other tokens. Use mentions, synonyms or contextual, which keep tags right.",
      )
    })
  })
})
