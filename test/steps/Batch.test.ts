import * as Dataset from "@thaw/core/Dataset"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPiece from "@thaw/models/WordPiece"
import * as BertNormalizer from "@thaw/models/BertNormalizer"
import * as Batch from "@thaw/steps/Batch"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"

const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "##s", "sat", "un", "##der", "it", "[MASK]"]
let tokenizer: Tokenizer.Tokenizer
beforeAll(async () => {
  const json = await Effect.runPromise(
    WordPiece.tokenizerJson(WordPiece.parseVocabulary(vocabulary.join("\n")), "vocab.txt", BertNormalizer.uncased),
  )
  tokenizer = await Effect.runPromise(Tokenizer.fromJson(json, undefined, "test"))
})

const heads: Batch.Heads = {
  topic: { kind: "classification", pooling: "cls", labels: ["animal", "other"] },
  mood: { kind: "classification", pooling: "cls", labels: ["bad", "good"] },
  thing: { kind: "tokenClassification", labels: ["O", "B-animal"] },
  emotions: { kind: "multiLabel", pooling: "cls", threshold: 0.5, labels: ["fear", "joy", "love"] },
  stars: { kind: "regression", pooling: "cls", labels: [] },
}

/** A column of every kind. */
const every: Dataset.Tasks = { labels: ["mood"], tags: ["thing"], labelSets: ["emotions"], scores: ["stars"] }

const row = (id: string, rest: Partial<Dataset.Example>): Dataset.Example => ({
  id,
  origin: id,
  tokens: ["the", "cats", "sat"],
  labels: {},
  tags: {},
  ...rest,
})

const joint = Dataset.examples(
  [
    row("both", { labels: { topic: "animal", mood: "good" }, tags: { thing: ["O", "B-animal", "O"] } }),
    row("topic", { tokens: ["sat", "under", "it"], labels: { topic: "other" } }),
    row("mood", { tokens: ["it"], labels: { mood: "bad" } }),
    row("none", {}),
  ],
  { labels: ["topic", "mood"], tags: ["thing"] },
)

const encode = (datasets: Readonly<Record<string, Dataset.Dataset>>, maxTokens = 16) =>
  Effect.runPromise(Batch.encode(datasets, heads, { tokenizer, limit: { maxTokens } }, "step, train"))

const failure = (datasets: Readonly<Record<string, Dataset.Dataset>>, its: Batch.Heads = heads) =>
  Effect.runPromise(Effect.flip(Batch.encode(datasets, its, { tokenizer, limit: { maxTokens: 16 } }, "step, train")))

const feedOf = (batch: Batch.Batch, name: string) => Array.from(batch.feeds[name]!.data as Int32Array | Float32Array)

describe("tasks that read one dataset", () => {
  it("share its examples: a batch carries every label a row has, and −100 where it has none", async () => {
    const corpora = await encode({ topic: joint, mood: joint, thing: joint })
    expect(corpora.map(({ tasks }) => tasks)).toEqual([["topic", "mood", "thing"]])
    const batch = Batch.make(corpora[0]!.examples, heads, tokenizer.padId)
    expect(batch.tasks).toEqual(["mood", "thing", "topic"])
    expect(feedOf(batch, "labels.topic")).toEqual([0, 1, -100, -100])
    expect(feedOf(batch, "labels.mood")).toEqual([1, -100, 0, -100])
  })

  it("have no label tensor for a task that no row of the batch is labelled for", async () => {
    const [corpus] = await encode({ topic: joint, mood: joint, thing: joint })
    const only = Batch.make([corpus!.examples[1]!, corpus!.examples[3]!], heads, tokenizer.padId)
    expect(only.tasks).toEqual(["topic"])
    expect(Object.keys(only.feeds).sort()).toEqual(["attention_mask", "input_ids", "labels.topic", "token_type_ids"])
  })

  it("know which examples carry a task's label", async () => {
    const [corpus] = await encode({ topic: joint, mood: joint, thing: joint })
    const of = (task: string) => corpus!.examples.filter((each) => Batch.isLabelled(each, task)).map(({ id }) => id)
    expect([of("topic"), of("mood"), of("thing"), of("constructor")]).toEqual([
      ["both", "topic"],
      ["both", "mood"],
      ["both"],
      [],
    ])
  })
})

describe("tasks with datasets of their own", () => {
  it("do not see each other's labels, even where rows have them", async () => {
    const own = (ids: ReadonlyArray<string>) =>
      Dataset.filter(Dataset.parts(joint, { train: Dataset.rowsOf(joint) }).train, ({ id }) => ids.includes(id))
    const corpora = await encode({ topic: own(["both", "topic"]), mood: own(["both", "mood"]) })
    expect(corpora.map(({ tasks }) => tasks)).toEqual([["topic"], ["mood"]])
    expect(Batch.make(corpora[0]!.examples, heads, 0).tasks).toEqual(["topic"])
    expect(Batch.make(corpora[1]!.examples, heads, 0).tasks).toEqual(["mood"])
  })
})

describe("tensors of a batch", () => {
  it("are padded to the longest example and masked", async () => {
    const [corpus] = await encode({ topic: joint, mood: joint, thing: joint })
    const batch = Batch.make(corpus!.examples.slice(0, 3), heads, tokenizer.padId)
    const [cls, sep] = [2, 3]
    expect(batch.feeds["input_ids"]!.shape).toEqual([3, 6])
    expect(feedOf(batch, "input_ids")).toEqual([
      ...[cls, 4, 5, 6, 7, sep],
      ...[cls, 7, 8, 9, 10, sep],
      ...[cls, 10, sep, 0, 0, 0],
    ])
    expect(feedOf(batch, "attention_mask").slice(12)).toEqual([1, 1, 1, 0, 0, 0])
    expect(feedOf(batch, "token_type_ids")).toEqual(Array(18).fill(0))
    // "cats" is cat + ##s: the first piece carries the tag, the second, specials and padding none.
    expect(feedOf(batch, "labels.thing")).toEqual([...[-100, 0, 1, -100, 0, -100], ...Array<number>(12).fill(-100)])
  })

  it("leave out the tags of words that were cut off", async () => {
    const [corpus] = await encode({ thing: joint }, 4)
    const batch = Batch.make([corpus!.examples[0]!], heads, tokenizer.padId)
    expect(feedOf(batch, "input_ids")).toEqual([2, 4, 5, 3])
    expect(feedOf(batch, "labels.thing")).toEqual([-100, 0, 1, -100])
  })
})

describe("two texts", () => {
  const pairs = Dataset.examples(
    [
      { id: "a", origin: "a", text: "the cat sat", pair: "it", labels: { topic: "animal" }, tags: {} },
      { id: "b", origin: "b", text: "it", pair: "the cats sat under it", labels: {}, tags: {} },
    ],
    { labels: ["topic"], tags: [] },
  )

  it("stand behind one another, parted by [SEP]; the second is of type 1, padding of type 0", async () => {
    const [corpus] = await encode({ topic: pairs })
    const batch = Batch.make(corpus!.examples, heads, tokenizer.padId)
    const [cls, sep] = [2, 3]
    expect(feedOf(batch, "input_ids")).toEqual([
      ...[cls, 4, 5, 7, sep, 10, sep, 0, 0, 0, 0],
      ...[cls, 10, sep, 4, 5, 6, 7, 8, 9, 10, sep],
    ])
    expect(feedOf(batch, "token_type_ids")).toEqual([
      ...[0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0],
      ...[0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1],
    ])
  })

  it("are cut at the longer one first", async () => {
    const [corpus] = await encode({ topic: pairs }, 6)
    // Three places beside the special tokens: "the cat" and "it"; "it" and "the cat".
    expect(corpus!.examples.map(({ encoding }) => [...encoding.ids])).toEqual([
      [2, 4, 5, 3, 10, 3],
      [2, 10, 3, 4, 5, 3],
    ])
  })
})

describe("a held corpus", () => {
  it.each([12, 70_000])("gives back what the tokenizer gave, with %i ids", async (vocabularySize) => {
    const many = Array.from({ length: 3000 }, (_, at) =>
      row(`r${at}`, {
        tokens: ["the", "cats", "sat", "under", "it"].slice(0, 1 + (at % 5)),
        labels: at % 3 === 0 ? {} : { topic: at % 2 === 0 ? "animal" : "other" },
        tags: at % 4 === 0 ? {} : { thing: Array<string>(1 + (at % 5)).fill(at % 2 === 0 ? "O" : "B-animal") },
      }),
    )
    const dataset = Dataset.examples(many, { labels: ["topic"], tags: ["thing"] })
    const other = { ...tokenizer, vocabularySize }
    const [corpus] = await Effect.runPromise(
      Batch.encode({ topic: dataset, thing: dataset }, heads, { tokenizer: other, limit: { maxTokens: 16 } }, "step"),
    )
    many.forEach(({ id, tokens, labels, tags }, at) => {
      const found = corpus!.examples[at]!
      const { ids, typeIds, words } = Tokenizer.encodeWords(tokenizer, tokens!, { maxTokens: 16 })
      const classes = labels["topic"] === undefined ? {} : { topic: labels["topic"] === "animal" ? 0 : 1 }
      const tagged = tags["thing"] === undefined ? {} : { thing: tags["thing"].map((tag) => (tag === "O" ? 0 : 1)) }
      expect([found.id, found.encoding.ids, found.encoding.typeIds, found.encoding.words]).toEqual([id, ids, typeIds, words]) // prettier-ignore
      expect([found.classes, found.tags, Batch.lengthOf(found)]).toEqual([classes, tagged, ids.length])
    })
  })
})

describe("label sets and numbers", () => {
  const rich = Dataset.examples(
    [
      row("both", { labelSets: { emotions: ["love", "joy", "love"] }, scores: { stars: 2.5 } }),
      row("empty", { tokens: ["it"], labelSets: { emotions: [] } }),
      row("zero", { scores: { stars: 0 } }),
      row("negative", { labels: { mood: "bad" }, scores: { stars: -100 } }),
      row("none", {}),
    ],
    every,
  )
  const tasks = { emotions: rich, stars: rich, mood: rich }

  it("are kept beside the tokens, the classes of a set in order", async () => {
    const [corpus] = await encode(tasks)
    expect(corpus!.examples.map(({ classSets, scores }) => ({ classSets, scores }))).toEqual([
      { classSets: { emotions: [1, 2] }, scores: { stars: 2.5 } },
      { classSets: { emotions: [] }, scores: {} },
      { classSets: {}, scores: { stars: 0 } },
      { classSets: {}, scores: { stars: -100 } },
      { classSets: {}, scores: {} },
    ])
    const of = (task: string) => corpus!.examples.filter((each) => Batch.isLabelled(each, task)).map(({ id }) => id)
    expect([of("emotions"), of("stars"), of("mood")]).toEqual([
      ["both", "empty"],
      ["both", "zero", "negative"],
      ["negative"],
    ])
  })

  it("are a row for each example: an empty set answers no to every label, an example without a set answers nothing", async () => {
    const [corpus] = await encode(tasks)
    const batch = Batch.make(corpus!.examples, heads, tokenizer.padId)
    expect(batch.tasks).toEqual(["emotions", "mood", "stars"])
    expect(batch.feeds["labels.emotions"]!.shape).toEqual([5, 3])
    const no = [-100, -100, -100]
    expect(feedOf(batch, "labels.emotions")).toEqual([0, 1, 1, 0, 0, 0, ...no, ...no, ...no])
    expect(batch.feeds["labels.stars"]!.dtype).toBe("float32")
    expect(feedOf(batch, "labels.stars")).toEqual([2.5, Number.NaN, 0, -100, Number.NaN])
  })
})

describe("what cannot be encoded", () => {
  it.each([
    ["stars", "topic", "Head.regression() for scores, got a head of kind classification."],
    ["emotions", "topic", "Head.multiLabel() for label sets, got a head of kind classification."],
    ["mood", "thing", "Head.classification() for labels, got a head of kind tokenClassification."],
    ["thing", "mood", "Head.tokenClassification() for tags, got a head of kind classification."],
    ["mood", "emotions", "Head.classification() for labels, got a head of kind multiLabel. Or name the column among the labelSets where it is loaded."], // prettier-ignore
    ["mood", "stars", "Head.classification() for labels, got a head of kind regression. Or name the column among the scores where it is loaded."], // prettier-ignore
  ])("is a task with a head of another kind than its data asks for: %s", async (task, head, message) => {
    const tagged = row("x", {
      labels: { mood: "good" },
      tags: { thing: ["O", "O", "O"] },
      labelSets: { emotions: ["joy"] },
      scores: { stars: 3 },
    })
    expect(await failure({ [task]: Dataset.examples([tagged], every) }, { [task]: heads[head]! })).toMatchObject({
      _tag: "PipelineInvalid",
      message: `step, train, task ${task}: expected ${message}`,
    })
  })

  it("is a label set with a label that the head does not know", async () => {
    const other = Dataset.examples([row("x", { labelSets: { emotions: ["joy", "fury"] } })], every)
    expect(await failure({ emotions: other })).toMatchObject({
      _tag: "InvalidData",
      message:
        'step, train, task emotions, example x: expected a label that occurs in training: "fear", "joy", "love", got "fury". Give the training part an example of it, or leave such examples out.',
    })
  })

  it("is a task without a head", async () => {
    expect((await failure({ topics: joint })).message).toBe(
      'step, train: expected a task that has a head: "topic", "mood", "thing", "emotions", "stars", got "topics". Did you mean "topic"?',
    )
  })

  it("is a task that the data has no labels for", async () => {
    const other = { ...heads, tone: heads["mood"]! }
    expect((await failure({ tone: joint }, other)).message).toMatch(
      /^step, train, task tone: expected examples with labels for task "tone", got examples with labels for "topic", "mood", "thing"\./,
    )
  })

  it("is a label that its head does not know", async () => {
    const strange = Dataset.examples([row("x", { labels: { topic: "plant" } })], { labels: ["topic"], tags: [] })
    expect((await failure({ topic: strange })).message).toBe(
      'step, train, task topic, example x: expected a label that occurs in training: "animal", "other", got "plant". Give the training part an example of it, or leave such examples out.',
    )
  })
})
