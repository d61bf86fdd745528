import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Dataset from "@thaw/core/Dataset"
import * as Augment from "@thaw/steps/Augment"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"

const home = mkdtempSync(path.join(tmpdir(), "thaw-generate-"))
const world = World.make({ home })
afterAll(async () => {
  await world.dispose()
  rmSync(home, { recursive: true, force: true })
})

const rows = Corpus.rows(12, "text", "t")
const trainOf = (given: ReadonlyArray<Dataset.Example>, form: "text" | "tokens" = "text") =>
  Corpus.parts({ train: given, heldOut: Corpus.rows(2, form, "h"), form }).train
const train = trainOf(rows)

const rowsIn = (dataset: Dataset.Dataset) => [...Dataset.rowsOf(dataset)]

/** Says a text backwards, and counts how often it was asked. */
const counting = (name: string, version = "1") => {
  const asked: Array<string> = []
  return {
    asked,
    of: (examples: Dataset.TrainExamples, options: Partial<Parameters<typeof Augment.generate>[0]> = {}) =>
      Augment.generate({
        examples,
        name,
        version,
        with: ({ id, text }, { copy }) => {
          asked.push(`${id} ${copy}`)
          return `${text!.split(" ").toReversed().join(" ")} ${copy}`
        },
        ...options,
      }),
  }
}

describe("a function of the author's", () => {
  it("makes copies with the example's labels and origin", async () => {
    const { asked, of } = counting("backwards")
    const { values } = await world.run(of(train, { copies: 2 }))
    expect(asked.toSorted()).toEqual(rows.flatMap(({ id }) => [`${id} 1`, `${id} 2`]).toSorted())
    const copies = rowsIn(values.examples).slice(rows.length)
    expect(copies[1]).toEqual({ ...rows[0], id: "t0~2", text: "here is t0 number cat happy the 2" })
    expect(copies).toHaveLength(24)
    expect(values.report.operations).toEqual({ "generate backwards": { copies: 24, words: 24 * 8 } })
  })

  it.each([
    ["a promise", async (text: string) => `${text} again`],
    ["an effect", (text: string) => Effect.succeed(`${text} again`)],
    ["several texts", (text: string) => [`${text} again`, text, `${text} too`]],
    ["parts of an example", (text: string) => ({ text: `${text} again`, labels: { topic: "tool" } })],
    ["nothing", () => undefined],
  ])("may give %s", async (name, give) => {
    const { values } = await world.run(
      Augment.generate({
        examples: trainOf(rows.slice(0, 1)),
        name,
        version: "1",
        with: ({ text }) => give(text!),
        originals: "drop",
      }),
    )
    const [text, topic] = [rows[0]!.text!, rows[0]!.labels["topic"]!]
    const expected: Readonly<Record<string, ReadonlyArray<readonly [string, string, string]>>> = {
      "several texts": [
        ["t0~1", `${text} again`, topic],
        ["t0~3", `${text} too`, topic],
      ],
      "parts of an example": [["t0~1", `${text} again`, "tool"]],
      nothing: [],
    }
    expect(rowsIn(values.examples).map((row) => [row.id, row.text, row.labels["topic"]])).toEqual(
      expected[name] ?? [["t0~1", `${text} again`, topic]],
    )
  })

  it("may change either text of a pair; the other stays, and so do scores", async () => {
    const told = { labels: ["topic"], tags: [], scores: ["close"] }
    const [first] = rows
    const pair = { ...first!, labels: { topic: "tool" }, pair: "the second text", scores: { close: 0.5 } }
    const { train: paired } = Dataset.parts(Dataset.examples([], told), { train: [pair] })
    const { values } = await world.run(
      Augment.generate({
        examples: paired,
        name: "pairs",
        version: "1",
        with: () => ["another first", { pair: "another second" }, { text: first!.text!.toUpperCase() }],
        originals: "drop",
      }),
    )
    expect(rowsIn(values.examples)).toEqual([
      { ...pair, id: "t0~1", text: "another first" },
      { ...pair, id: "t0~2", pair: "another second" },
    ])
    expect(values.report.dropped.equalToOrigin).toBe(1)
  })

  it("is given a seed that follows from the run's seed, the example and the copy", async () => {
    const seeds = async (name: string, seed: number) => {
      const found: Array<number> = []
      const call = ({ text }: Dataset.Example, context: { readonly seed: number }) => {
        found.push(context.seed)
        return `${text} ${context.seed}`
      }
      await world.run(Augment.generate({ examples: train, name, version: "1", with: call, copies: 2 }), seed)
      return found.toSorted((a, b) => a - b)
    }
    const first = await seeds("seeds a", 1)
    expect(new Set(first).size).toBe(24)
    expect(await seeds("seeds b", 1)).toEqual(first)
    expect(await seeds("seeds c", 2)).not.toEqual(first)
  })

  it("makes token examples whose tags are checked", async () => {
    const tagged = trainOf(Corpus.rows(2, "tokens", "t"), "tokens")
    const call = (tags: ReadonlyArray<string>) =>
      Augment.generate({
        examples: tagged,
        name: `tags ${tags.join()}`,
        version: "1",
        with: () => ({ tokens: ["a", "big", "cat"], tags: { thing: tags } }),
        originals: "drop",
      })
    const { values } = await world.run(call(["O", "B-animal", "I-animal"]))
    expect(rowsIn(values.examples)[0]).toMatchObject({ origin: "t0", tokens: ["a", "big", "cat"] })
    expect((await world.failure(call(["O", "O"]))).message).toMatch(
      /: expected 3 tags for task "thing", one per token, got 2\.$/u,
    )
    expect((await world.failure(call(["O", "O", "I-animal"]))).message).toMatch(
      /: expected an I- tag to follow a tag of its type, got I-animal at token 3\.$/u,
    )
  })
})

describe("what a function gave", () => {
  it("is repeated for the same examples without calling it, whatever the pace", async () => {
    const { asked, of } = counting("kept")
    const first = await world.run(of(train))
    expect(asked).toHaveLength(12)
    const second = await world.run(of(train, { concurrency: 1, perMinute: 1e6 }))
    expect(asked).toHaveLength(12)
    expect(second.steps).toEqual({ "Augment.generate": "cached" })
    expect(second.hashes).toEqual(first.hashes)
  })

  it("is repeated for the examples that were there before, when others are added", async () => {
    const { asked, of } = counting("more")
    await world.run(of(train))
    const more = trainOf([...Corpus.rows(3, "text", "new"), ...rows])
    const { steps } = await world.run(of(more))
    expect(steps).toEqual({ "Augment.generate": "ran" })
    expect(asked.slice(12).toSorted()).toEqual(["new0 1", "new1 1", "new2 1"])
  })

  it("is not used for another version or another seed", async () => {
    await world.run(counting("versions", "1").of(train))
    const other = counting("versions", "2")
    await world.run(other.of(train))
    expect(other.asked).toHaveLength(12)
    await world.run(other.of(train), 8)
    expect(other.asked).toHaveLength(24)
  })

  it("is kept when the function fails later on, with a sentence that names the example", async () => {
    let broken = true
    const asked: Array<string> = []
    const made = () =>
      Augment.generate({
        examples: train,
        name: "service",
        version: "1",
        concurrency: 1,
        with: async ({ id, text }) => {
          asked.push(id)
          if (broken && id === "t5") throw new Error("429 Too many requests.\nretry later")
          return `${text} again`
        },
      })
    expect((await world.failure(made())).message).toBe(
      'Augment.generate: Augment.generate "service", example "t5": expected something from the function, got an error: ' +
        "429 Too many requests. What it gave for other examples is kept.",
    )
    broken = false
    await world.run(made())
    expect(asked).toEqual(["t0", "t1", "t2", "t3", "t4", "t5", "t5", "t6", "t7", "t8", "t9", "t10", "t11"])
  })

  it("is asked for again where its file was damaged", async () => {
    const files = () =>
      readdirSync(home, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.parentPath.includes("generated") && entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name))
    const before = new Set(files())
    const { asked, of } = counting("damaged")
    await world.run(of(train))
    for (const file of files())
      if (!before.has(file)) writeFileSync(file, '{"sha256":"00","drafts":[{"text":"other"}]}')
    await world.run(of(trainOf(rows.toReversed())))
    expect(asked).toHaveLength(24)
  })
})

describe("calls", () => {
  it("are as many at once as allowed", async () => {
    let [now, most] = [0, 0]
    const call = async ({ text }: Dataset.Example) => {
      most = Math.max(most, ++now)
      await new Promise((done) => setTimeout(done, 5))
      now--
      return `${text} again`
    }
    await world.run(Augment.generate({ examples: train, name: "at once", version: "1", with: call, concurrency: 3 }))
    expect(most).toBe(3)
  })

  it("are spaced to the pace", async () => {
    const clock = await Effect.runPromise(TestClock.make({ warningDelay: "1 hour" }).pipe(Effect.scoped))
    const timed = World.make({ clock })
    const times: Array<number> = []
    const call = ({ text }: Dataset.Example) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        times.push(now)
        return `${text} again`
      })
    const few = trainOf(rows.slice(0, 4))
    const state = { done: false }
    const ran = timed
      .run(Augment.generate({ examples: few, name: "pace", version: "1", with: call, perMinute: 1200 }))
      .finally(() => (state.done = true))
    // Time passes in the smallest steps: calls that do not wait come within a few of them.
    while (!state.done) {
      await Effect.runPromise(clock.adjust(1))
      await new Promise((next) => setImmediate(next))
    }
    await ran
    await timed.dispose()
    expect(times).toHaveLength(4)
    for (const [at, time] of times.entries()) if (at > 0) expect(time - times[at - 1]!).toBeGreaterThanOrEqual(50)
  })
})

describe("what is no example", () => {
  it.each([
    ["a number", 7, "texts, or parts of an example, from the function, got 7."],
    ["tokens", { tokens: ["a"] }, "text, got tokens. The examples of one dataset have one form."],
    ["a second text", { text: "a", pair: "b" }, "one text, as the example has, got two."],
    [
      "an unknown task",
      { text: "a", labels: { topci: "tool" } },
      'labels for tasks of the examples, got "topci". Did you mean "topic"?',
    ],
  ])("is refused: %s", async (name, given, sentence) => {
    const { message } = await world.failure(
      Augment.generate({ examples: train, name, version: "1", with: () => given as never, concurrency: 1 }),
    )
    expect(message).toBe(
      `Augment.generate: Augment.generate ${JSON.stringify(name)}, example "t0": expected ${sentence}`,
    )
  })
})
