import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Head from "@thaw/models/Head"
import * as Difficulty from "@thaw/steps/Difficulty"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Resample from "@thaw/steps/Resample"
import * as Sample from "@thaw/steps/Sample"
import * as History from "@thaw/steps/training/History"
import type * as Train from "@thaw/steps/Train"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"

const world = World.make()
afterAll(world.dispose)

/** Topics and moods on texts of their own; texts of several lengths. */
const lengthened = (rows: ReadonlyArray<Dataset.Example>) =>
  rows.map((row, at) => ({ ...row, text: `${row.text} ${"indeed ".repeat(at % 9)}`.trim() }))
const part = (count: number, prefix: string) =>
  Corpus.parts({ train: lengthened(Corpus.rows(count, "text", prefix)), heldOut: Corpus.rows(9, "text", `h${prefix}`) })
const [topics, moods] = [part(48, "t"), part(48, "m")]
const tasks = {
  topic: { head: Corpus.head, train: topics.train, validation: topics.validation },
  mood: { head: Corpus.head, train: moods.train, validation: moods.validation },
} satisfies Readonly<Record<string, Train.Task>>
const trained = (options: Corpus.Overrides) => Corpus.trained({ tasks, freeze: Freeze.backbone(), ...options })
const eventsOf = async (options: Corpus.Overrides) => {
  const before = world.events.length
  const { values } = await world.run({ trained: trained(options) })
  const events = world.events.slice(before)
  return { events, values, updates: events.flatMap((event) => (event._tag === "update" ? [event] : [])) }
}
const paddingOf = (history: ReadonlyArray<Parameters<typeof History.entries>[0][number]>) =>
  History.latest(history)!.padding!

describe("training", () => {
  it.each<Corpus.Overrides>([
    { mix: Sample.annealed(), epochs: 3, dropout: 0.1 },
    { batches: "heterogeneous", draw: "independent" },
    {
      accumulate: 2,
      tokenBudget: Sample.tokenBudget({ tokens: 96, window: 20 }),
      classes: { topic: Sample.oversample() },
      curriculum: { mood: Sample.curriculum({ by: Sample.rarity() }) },
      introduction: Sample.richestFirst(),
      mix: Sample.temperature({ temperature: 2 }),
    },
    { mix: Sample.alternate({ atEnd: "drop" }), curriculum: { topic: Sample.curriculum({ by: Sample.length() }) } },
  ])("that is interrupted goes on with the example after, to the same bytes: %j", async (options) => {
    const outputs = { trained: trained({ save: {}, ...options }) }
    const { exit } = await world.interrupted(outputs, (event) => event._tag === "update" && event.update === 4)
    expect(exit._tag).toBe("Failure")
    const { hashes, values } = await world.run(outputs)
    const other = World.make()
    const undisturbed = await other.run(outputs)
    expect(undisturbed.hashes.trained).toBe(hashes.trained)
    expect(paddingOf(undisturbed.values.trained.training.history)).toBe(paddingOf(values.trained.training.history))
    await other.dispose()
  })

  it("with heterogeneous batches trains several heads in one update, and tells of all", async () => {
    const { updates, values } = await eventsOf({ batches: "heterogeneous" })
    expect(updates.some(({ task }) => task === "mood, topic")).toBe(true)
    const { updates: counts } = values.trained.training
    // 48 topics and 16 moods in batches of 8: nearly all updates have topics, most have moods too.
    expect(counts["head.topic"]! + counts["head.mood"]!).toBeGreaterThan(updates.length)
  })

  it("with every task in each batch counts each head in each update", async () => {
    const { updates, values } = await eventsOf({ batches: "everyTask" })
    const { updates: counts } = values.trained.training
    expect([counts["head.topic"], counts["head.mood"]]).toEqual([updates.length, updates.length])
  })

  it("reports the padding that its batches have, which a token budget makes small", async () => {
    const plain = await eventsOf({})
    const budget = await eventsOf({ tokenBudget: Sample.tokenBudget({ tokens: 128 }) })
    const [before, after] = [plain, budget].map(({ values }) => paddingOf(values.trained.training.history))
    expect(before).toBeGreaterThan(0.12)
    expect(after).toBeLessThan(0.05)
    const finished = budget.events.find((event) => event._tag === "phaseFinished")
    expect(finished).toMatchObject({ padding: after })
  })

  it("says which task is drawn too rarely to be trained", async () => {
    const { events } = await eventsOf({ mix: Sample.weights({ topic: 1, mood: 0.01 }) })
    const noticed = events.flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    expect(noticed).toContain(
      "mood is drawn in 0.16 of 16 updates, so perhaps in none. Raise its share: Sample.temperature, Sample.weights, or repeat.",
    )
  })
})

describe("a curriculum by a score", () => {
  const hard = (task: string) =>
    Difficulty.loss({ checkpoint: trained({}), examples: topics.train, task, name: "hard" })

  it("of a checkpoint is the loss of each example by it", async () => {
    const { values } = await world.run({ hard: hard("topic"), trained: trained({}) })
    const rows = [...Dataset.rowsOf(values.hard)]
    expect(Dataset.tasksOf(values.hard)).toEqual({ labels: ["topic", "mood"], tags: [], scores: ["hard"] })
    const losses = rows.map(({ scores }) => scores!["hard"]!)
    expect(losses).toHaveLength(48)
    // Evaluation reports the mean, of the same texts as held-out ones.
    const same = Corpus.parts({ train: [], heldOut: rows })
    const { values: evaluated } = await world.run({ scores: Evaluate.tasks({ trained: trained({}), test: { topic: same.test }, overlap: "allow" }) }) // prettier-ignore
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / 48
    expect(mean).toBeCloseTo(evaluated.scores.tasks[0]!.metrics["loss"]!, 12)
    expect(new Set(losses).size).toBeGreaterThan(10)
  })

  it("trains, easy examples first", async () => {
    const examples = { ...tasks.topic, train: hard("topic") }
    const curriculum = { topic: Sample.curriculum({ by: Sample.score({ name: "hard" }) }) }
    const { updates } = await eventsOf({ tasks: { topic: examples }, curriculum })
    expect(updates).toHaveLength(12)
  })

  it("needs scores of that name, one for every example", async () => {
    const problemOf = async (train: Train.Task["train"], name: string) => {
      const curriculum = { topic: Sample.curriculum({ by: Sample.score({ name }) }) }
      const { problem } = await world.failure({ trained: trained({ tasks: { topic: { ...tasks.topic, train } }, curriculum }) }) // prettier-ignore
      // With a checkpoint trained before there are two phases of this name.
      return problem.replace(" (2)", "")
    }
    const where = "Train.phase 1, backbone frozen, task topic, curriculum"
    expect(await problemOf(topics.train, "hard")).toBe(
      `${where}: expected examples with scores "hard", got examples without scores. ` +
        "Name the column where they are loaded, or let Difficulty.loss write it.",
    )
    expect(await problemOf(topics.train, "mood")).toBe(
      `${where}: expected examples with scores "mood", got examples without scores. ` +
        "It is loaded as labels: name it among the scores where it is loaded.",
    )
    expect(await problemOf(hard("topic"), "hrad")).toBe(
      `${where}: expected examples with scores "hrad", got examples with scores "hard". Did you mean "hard"?`,
    )
    expect(await problemOf(hard("mood"), "hard")).toBe(`${where}, example "t1": expected a score "hard", got none.`)
  })

  it("keeps what else the examples carry, and refuses a name that a task has", async () => {
    const told = { labels: ["topic"], tags: [], labelSets: ["kinds"], scores: ["mark"], kept: ["day"] }
    const rows = Corpus.rows(4, "text", "t").map((row, at) => ({
      ...row,
      labels: { topic: row.labels["topic"]! },
      labelSets: { kinds: ["a"] },
      scores: { mark: at },
      kept: { day: "1" },
    }))
    const { train } = Dataset.parts(Dataset.examples([], told), { train: rows })
    const ranked = (name: string) => ({ hard: Difficulty.loss({ checkpoint: trained({}), examples: train, task: "topic", name }) }) // prettier-ignore
    const { values } = await world.run(ranked("hard"))
    const left = [...Dataset.rowsOf(values.hard)].map(({ scores, ...row }) => ({
      ...row,
      scores: { mark: scores!["mark"] },
    }))
    expect(left).toEqual(rows)
    expect((await world.failure(ranked("mark"))).problem).toBe(
      'Difficulty.loss, name: expected a name that no task has yet, got "mark".',
    )
  })
})

describe("resampling", () => {
  it("oversampled is what training with the same classes draws", async () => {
    const rows = Corpus.rows(48, "text", "t").filter((_, at) => at % 2 === 0 || at < 12)
    const { train } = Corpus.parts({ train: rows, heldOut: [] })
    const { values } = await world.run({ even: Resample.classes({ examples: train, task: "topic", by: Sample.oversample() }) }) // prettier-ignore
    const even = [...Dataset.rowsOf(values.even)]
    const count = (label: string) => even.filter(({ labels }) => labels["topic"] === label).length
    expect([count("animal"), count("tool")]).toEqual([24, 24])
    expect(new Set(even.map(({ id }) => id)).size).toBe(48)
    for (const { id, origin } of even) expect(id.split("~")[0]).toBe(origin)
  })

  it("refuses tags", async () => {
    const { train } = Corpus.parts({ train: Corpus.rows(9, "tokens", "t"), heldOut: [], form: "tokens" })
    const { problem } = await world.failure({ even: Resample.classes({ examples: train, task: "thing", by: Sample.undersample() }) }) // prettier-ignore
    expect(problem).toBe("Resample.classes, task thing: expected examples with one label each, got examples with tags.")
  })
})

describe("classes of tags", () => {
  it("cannot be balanced: a text has many", async () => {
    const { train, validation } = Corpus.parts({ train: Corpus.rows(9, "tokens", "t"), heldOut: Corpus.rows(9, "tokens", "h"), form: "tokens" }) // prettier-ignore
    const thing = { head: Head.tokenClassification(), train, validation }
    const { problem } = await world.failure({ trained: trained({ tasks: { thing }, classes: { thing: Sample.oversample() } }) }) // prettier-ignore
    expect(problem).toBe(
      "Train.phase 1, backbone frozen, task thing, classes: expected a classification task, whose examples have one class each, got one with tags.",
    )
  })
})

describe("what an author asks for is refused where it is written", () => {
  it.each<[string, Corpus.Overrides, string]>([
    ["a task that is not there", { mix: Sample.weights({ topic: 1, moods: 1 }) }, 'mix: expected names of tasks: "topic", "mood", got "moods". Did you mean "mood"?'], // prettier-ignore
    ["classes of a task that is not there", { classes: { topics: Sample.oversample() } }, 'classes: expected names of tasks: "topic", "mood", got "topics". Did you mean "topic"?'], // prettier-ignore
    ["two sizes of a batch", { batch: 8, tokenBudget: Sample.tokenBudget({ tokens: 96 }) }, "batch: expected a number of examples or a token budget, got both. Leave one of them out."], // prettier-ignore
    ["a token budget for every task at once", { batches: "everyTask", tokenBudget: Sample.tokenBudget({ tokens: 96 }) }, "batches: expected a number of examples for batches that have every task, got a token budget."], // prettier-ignore
    ["tasks that alternate within a batch", { batches: "heterogeneous", mix: Sample.alternate({ atEnd: "stop" }) }, "batches: expected homogeneous batches for tasks that alternate, got heterogeneous ones."], // prettier-ignore
    ["nothing to begin with", { introduction: Sample.introduce({ topic: { from: 0, until: 1 }, mood: { from: 0, until: 1 } }) }, 'introduction: expected a task that is drawn from the beginning, got "topic", "mood" introduced later. Leave the first one out.'], // prettier-ignore
    ["a ramp that falls", { introduction: Sample.introduce({ mood: { from: 0.5, until: 0.2 } }) }, "introduction, task mood: expected `from` before `until`, got 0.5 and 0.2."], // prettier-ignore
  ])("%s", (_, options, message) => {
    // The encoder is a wire: how many blocks it has is known when the Dag is made.
    const made = () => Dag.make(Pipeline.make("refused", { seed: 1, outputs: { trained: trained(options) } }))
    expect(made).toThrow(PipelineInvalid)
    expect(made).toThrow(message)
  })
})
