import * as Dataset from "@thaw/core/Dataset"
import { RunEvents } from "@thaw/core/RunEvent"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as TextSet from "@thaw/models/TextSet"
import * as NormalisedText from "@thaw/steps/NormalisedText"
import * as Apart from "@thaw/steps/training/Apart"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"

const row = (id: string, text: string, tasks: ReadonlyArray<string>, origin = id): Dataset.Example => ({
  id,
  origin,
  text,
  labels: Object.fromEntries(tasks.map((task) => [task, "x"])),
  tags: {},
})

const parts = (train: ReadonlyArray<Dataset.Example>, held: ReadonlyArray<Dataset.Example>) =>
  Dataset.parts(Dataset.examples([], { labels: ["topic", "mood"], tags: [] }), { train, held })

const keyOf = (text: string) => NormalisedText.key(row("", text, []))
const keysOf = (...texts: ReadonlyArray<string>) => [...TextSet.from(texts.map(keyOf))]

/** The fields that are looked at. */
const checkpoint = (given: { readonly texts?: ReadonlyArray<string>; readonly history?: ReadonlyArray<null> } = {}) =>
  ({
    training: { updates: {}, history: given.history ?? [] },
    ...(given.texts === undefined ? {} : { texts: TextSet.from(given.texts.map(keyOf)) }),
  }) as unknown as Checkpoint.Checkpoint

const run = (given: Partial<Apart.Given>) => {
  const notices: Array<string> = []
  const emit = (event: { readonly _tag: string; readonly message?: string }) =>
    Effect.sync(() => void notices.push(event.message ?? ""))
  const all = { checkpoint: checkpoint(), train: {}, validation: {}, overlap: "refuse", ...given } as const
  return Effect.runPromise(
    Apart.of(all, "Train.phase 1").pipe(
      Effect.map((apart) => ({ ...apart, notices })),
      Effect.catchTag("InvalidData", ({ message }) => Effect.succeed({ message, notices })),
      Effect.provideService(RunEvents, { emit }),
    ),
  )
}

const { train, held } = parts(
  [row("t1", "Rain again", ["topic"]), row("t2", "Sun", ["topic"]), row("t3", "Not labelled", [])],
  [row("h1", "wind", ["mood"]), row("h2", "rain  AGAIN", ["mood"]), row("h3", "not labelled", ["mood"])],
)

describe("a text that is held out for one task and trains another", () => {
  it("is refused, with how many there are and the first pair", async () => {
    expect(await run({ train: { topic: train }, validation: { mood: held } })).toMatchObject({
      message:
        "Train.phase 1, validation: expected no text that is held out for one task to train it or another, got 1 of 3 " +
        'validation examples with such texts, first "rain  AGAIN" (held out for task "mood" as h2, trains task "topic" ' +
        'as t1). Split the data of all tasks together, or pass overlap: "dropFromTrain" or overlap: "allow".',
    })
  })

  it("is left out of training when told so; tasks that shared a dataset still do", async () => {
    const both = parts(
      [row("t1", "Rain again", ["topic"]), row("t2", "Sun", ["topic", "mood"])],
      [row("h2", "rain again", ["mood"])],
    )
    const apart = await run({
      train: { topic: both.train, mood: both.train },
      validation: { mood: both.held },
      overlap: "dropFromTrain",
    })
    if ("message" in apart) throw new Error(apart.message)
    expect(apart.train["topic"]).toBe(apart.train["mood"])
    expect([...Dataset.rowsOf(apart.train["topic"]!)].map(({ id }) => id)).toEqual(["t2"])
    expect([...apart.texts!]).toEqual(keysOf("sun"))
    expect(apart.notices).toEqual(["1 training examples left out, whose texts are held out for validation"])
  })

  it("may stay when told so, and is told", async () => {
    const apart = await run({ train: { topic: train }, validation: { mood: held }, overlap: "allow" })
    if ("message" in apart) throw new Error(apart.message)
    expect(apart.train["topic"]).toBe(train)
    expect(apart.notices).toEqual([
      "scores on validation measure memory too: 1 of 3 validation examples have texts that train or trained before",
    ])
  })

  it("is a text without a label for what trains neither, nor one held out without a label", async () => {
    const one = parts(
      [row("t", "Rain", ["topic"]), row("u", "Sun", [])],
      [row("h", "rain", []), row("i", "sun", ["mood"])],
    )
    const apart = await run({ train: { topic: one.train }, validation: { mood: one.held } })
    expect(apart).toMatchObject({ notices: [] })
    expect(apart).not.toHaveProperty("message")
  })
})

describe("texts of earlier phases", () => {
  const other = parts([row("t", "snow", ["topic"])], [row("h", "Hail", ["topic"])])
  const given = { train: { topic: other.train }, validation: { topic: other.held } }

  it("are kept beside those of this one", async () => {
    expect([...((await run({ ...given, checkpoint: checkpoint({ texts: ["fog"] }) })) as Apart.Apart).texts!]).toEqual(
      keysOf("fog", "snow"),
    )
  })

  it("may not be held out later, and cannot be left out any more", async () => {
    const after = { ...given, checkpoint: checkpoint({ texts: ["hail"], history: [null] }) }
    expect(await run(after)).toMatchObject({
      message:
        "Train.phase 1, validation: expected no text that is held out for one task to train it or another, got 1 of 1 " +
        'validation examples with such texts, first "Hail" (held out for task "topic" as h, trained on by an earlier ' +
        'phase). Split the data of all tasks together, or pass overlap: "allow".',
    })
    expect(await run({ ...after, overlap: "dropFromTrain" })).toMatchObject({
      message:
        "Train.phase 1, validation: expected no text that an earlier phase trained on, got 1 of 1 validation examples " +
        'with such texts, first "Hail" (held out for task "topic" as h). Leave them out of the earlier phases too, or ' +
        'pass overlap: "allow".',
    })
  })

  it("stay unknown where a checkpoint with phases behind it does not name them", async () => {
    expect(
      ((await run({ ...given, checkpoint: checkpoint({ history: [null] }) })) as Apart.Apart).texts,
    ).toBeUndefined()
  })
})

describe("an augmented copy", () => {
  it("counts with its own text and with the one that its origin's id was derived from", async () => {
    const origin = NormalisedText.hash("the printer is broken")
    const copies = parts(
      [row("c", "the printer is defective", ["topic"], origin), row("d", "my own id", ["topic"], `${"0".repeat(15)}x`)],
      [row("h", "The printer is broken", ["topic"])],
    )
    const apart = await run({ train: { topic: copies.train } })
    expect([...(apart as Apart.Apart).texts!]).toEqual(
      keysOf("the printer is defective", "the printer is broken", "my own id"),
    )
    expect(await run({ train: { topic: copies.train }, validation: { topic: copies.held } })).toMatchObject({
      message: expect.stringContaining('(held out for task "topic" as h, trains task "topic" as c)') as string,
    })
  })

  describe("that has become a held-out text", () => {
    const given = parts(
      [
        row("t1", "a glad cat", ["topic"]),
        row("t1~1", "a merry cat", ["topic"], "t1"),
        row("t1~2", "a Happy  cat", ["topic"], "t1"),
      ],
      [row("h", "a happy cat", ["mood"]), row("i", "a sad cat", ["mood"])],
    )
    const asked = { train: { topic: given.train }, validation: { mood: given.held } }

    it("is refused, and named", async () => {
      expect(await run(asked)).toMatchObject({
        message:
          "Train.phase 1, validation: expected no text that is held out for one task to train it or another, got 1 of 2 " +
          'validation examples with such texts, first "a happy cat" (held out for task "mood" as h, trains task "topic" ' +
          'as t1~2). Split the data of all tasks together, or pass overlap: "dropFromTrain" or overlap: "allow".',
      })
    })

    it("is left out of training when told so; its example and other copies stay", async () => {
      const apart = await run({ ...asked, overlap: "dropFromTrain" })
      if ("message" in apart) throw new Error(apart.message)
      expect([...Dataset.rowsOf(apart.train["topic"]!)].map(({ id }) => id)).toEqual(["t1", "t1~1"])
      expect([...apart.texts!]).toEqual(keysOf("a glad cat", "a merry cat"))
      expect(apart.notices).toEqual(["1 training examples left out, whose texts are held out for validation"])
    })
  })

  it("of a held-out text is left out when told so, whatever it says itself", async () => {
    const origin = NormalisedText.hash("a glad cat")
    const copies = parts(
      [row(`${origin}~1`, "a merry cat", ["topic"], origin), row("t2", "a sad cat", ["topic"])],
      [row("h", "A glad cat", ["mood"])],
    )
    const apart = await run({
      train: { topic: copies.train },
      validation: { mood: copies.held },
      overlap: "dropFromTrain",
    })
    if ("message" in apart) throw new Error(apart.message)
    expect([...Dataset.rowsOf(apart.train["topic"]!)].map(({ id }) => id)).toEqual(["t2"])
  })
})
