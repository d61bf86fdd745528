import * as Dag from "@thaw/core/Dag"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Head from "@thaw/models/Head"
import * as PairLoss from "@thaw/models/PairLoss"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Sample from "@thaw/steps/Sample"
import type { Scores } from "@thaw/steps/Scores"
import * as Train from "@thaw/steps/Train"
import * as History from "@thaw/steps/training/History"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as Pairs from "./pairs.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const metricsOf = (scores: unknown, task: string): Readonly<Record<string, number>> =>
  (scores as Scores).tasks.find((each) => each.task === task)!.metrics

const ranked = { ranked: Pairs.task(PairLoss.multipleNegativesRanking(), Pairs.matching) }

describe("sentence embeddings learn from pairs", () => {
  /** Figures of held-out pairs by the encoder as it comes, and after training. */
  const learn = async (loss: PairLoss.PairLoss, parts: typeof Pairs.matching, pooling?: "cls") => {
    const task = loss._tag === "cosineSimilarity" ? "near" : "alike"
    const tasks = { [task]: Pairs.task(loss, parts, pooling) }
    const test = { [task]: parts.test }
    const { values } = await world.run({
      before: Evaluate.tasks({ trained: Pairs.trained(tasks, { freeze: Freeze.everything() }), test }),
      after: Evaluate.tasks({ trained: Pairs.trained(tasks), test }),
    })
    return { before: metricsOf(values.before, task), after: metricsOf(values.after, task) }
  }

  it("by ranking: a held-out text finds the one that means the same among 12 with which it shares no word", async () => {
    const { before, after } = await learn(PairLoss.multipleNegativesRanking(), Pairs.matching)
    expect(before["recallAt1"]).toBeLessThan(0.35)
    expect(after["recallAt1"]).toBeGreaterThan(0.8)
    expect(after["meanReciprocalRank"]).toBeGreaterThan(0.85)
  })

  it("by ranking from both sides, with negatives, and the first token's vector", async () => {
    const { before, after } = await learn(PairLoss.multipleNegativesRanking({ asks: "both" }), Pairs.triplets, "cls")
    expect(before["recallAt1"]).toBeLessThan(0.35)
    expect(after["recallAt1"]).toBeGreaterThan(0.6)
  })

  it("by scores: cosines of held-out pairs come to go with theirs", async () => {
    const { before, after } = await learn(PairLoss.cosineSimilarity(), Pairs.judged)
    expect(before["spearman"]).toBeLessThan(0.5)
    expect(after["spearman"]).toBeGreaterThan(0.75)
    expect(after["loss"]).toBeLessThan(before["loss"]! / 2)
  })

  it.each([PairLoss.contrastive({ alike: "yes" }), PairLoss.onlineContrastive({ alike: "yes" })])(
    "by labels: pairs that are alike come before those that are not ($_tag)",
    async (loss) => {
      const { before, after } = await learn(loss, Pairs.judged)
      expect(before["averagePrecision"]).toBeLessThan(0.6)
      // A third of the pairs is alike.
      expect(after["averagePrecision"]).toBeGreaterThan(0.7)
      expect(after["accuracy"]).toBeGreaterThan(before["accuracy"]!)
    },
  )

  it("by triplets: a text comes to be nearer to its own than to another", async () => {
    const loss = PairLoss.triplet({ margin: 0.3, distance: "cosine" })
    const { before, after } = await learn(loss, Pairs.triplets)
    expect(before["accuracy"]).toBeLessThan(0.7)
    expect(after["accuracy"]).toBeGreaterThan(0.9)
  })
})

describe("beside other tasks", () => {
  const topic = { head: Corpus.head, train: Corpus.small.train, validation: Corpus.small.validation }

  it.each(["homogeneous", "heterogeneous"] as const)("both are learnt, in %s batches", async (batches) => {
    const trained = Pairs.trained({ ...ranked, topic }, { batches, epochs: 20, dropout: 0.05 })
    const test = { ranked: Pairs.matching.test, topic: Corpus.small.test }
    const { values } = await world.run({ scores: Evaluate.tasks({ trained, test }) })
    expect(metricsOf(values.scores, "ranked")["recallAt1"]).toBeGreaterThan(0.6)
    expect(metricsOf(values.scores, "topic")["accuracy"]).toBeGreaterThan(0.8)
  })

  it("of one dataset: some read the pair as one sequence, others each text for itself, and these share batches", async () => {
    const { train, validation, test } = Pairs.judged
    const near = Pairs.task(PairLoss.cosineSimilarity(), Pairs.judged)
    const alike = Pairs.task(PairLoss.contrastive({ alike: "yes" }), Pairs.judged)
    // The same labels twice would be two tasks of one name: one reads the pair, the other its two texts.
    const label = { head: Head.classification({ pooling: "mean" }), train, validation }
    const trained = Pairs.trained({ near, alike: label }, { epochs: 4 })
    const together = Pairs.trained({ near, alike }, { epochs: 4 })
    const { values } = await world.run({
      trained,
      scores: Evaluate.tasks({ trained, test: { near: test, alike: test } }),
      together,
    })
    expect(Object.keys(metricsOf(values.scores, "alike"))).toContain("macroF1")
    expect(Object.keys(metricsOf(values.scores, "near"))).toContain("spearman")
    const updates = ({ training }: { readonly training: { readonly history: unknown } }) =>
      History.entries(training.history as never)[0]!.updates
    // Two tasks of n examples each: 2·n/12 updates an epoch either way, but the losses of the second are in every one.
    expect(updates(values.together)).toBe(updates(values.trained))
    const losses = world.events.flatMap((event) => (event._tag === "update" ? [event] : []))
    expect(losses.length).toBeGreaterThan(0)
  })
})

describe("a phase with sentence embeddings", () => {
  const topic = { head: Corpus.head, train: Corpus.small.train, validation: Corpus.small.validation }
  const options = { epochs: 2, batches: "heterogeneous", batch: 5, accumulate: 2, dropout: 0.1 } as const

  it("goes on after an interruption to the same bytes", async () => {
    const outputs = { trained: Pairs.trained({ ...ranked, topic }, { ...options, save: {} }) }
    const { exit } = await world.interrupted(outputs, (event) => event._tag === "update" && event.update === 3)
    expect(exit._tag).toBe("Failure")
    const { hashes } = await world.run(outputs)
    const other = World.make()
    const undisturbed = await other.run(outputs)
    await other.dispose()
    expect(undisturbed.hashes.trained).toBe(hashes.trained)
  })

  it("gives the same bytes with one thread and with two", async () => {
    const outputs = { trained: Pairs.trained({ ...ranked, topic }, options) }
    const { hashes } = await world.run(outputs)
    const two = World.make({ threads: 2 })
    const given = await two.run(outputs)
    await two.dispose()
    expect(given.hashes.trained).toBe(hashes.trained)
  })

  it("takes what a frozen bottom gives from the cache to the same bytes as computed anew, text by text", async () => {
    const deep = Pairs.encoderOf(2)
    const frozen = (budgetBytes: number) =>
      Pairs.trained(
        { ...ranked, third: Pairs.task(PairLoss.triplet(), Pairs.triplets) },
        { encoder: deep, epochs: 2, freeze: Freeze.belowBlock(1), cache: { budgetBytes } },
      )
    const kept = await world.run({ trained: frozen(2 ** 30) })
    const reports = world.events.flatMap((event) => (event._tag === "phaseStarted" ? [event.boundary] : []))
    expect(reports.at(-1)).toMatchObject({ group: "block.0", cached: true })
    const anew = await world.run({ trained: frozen(0) })
    expect(anew.hashes.trained).toBe(kept.hashes.trained)
  })

  it("counts every text of a pair in a token budget", async () => {
    const { values } = await world.run({
      trained: Pairs.trained(ranked, { epochs: 1, tokenBudget: Sample.tokenBudget({ tokens: 64 }) }),
    })
    const [entry] = History.entries(values.trained.training.history)
    // 24 pairs; of one 2 texts of 7 tokens at most: 4 pairs fit into 64 tokens, not 5.
    expect(entry!.updates).toBe(6)
  })

  it("with heads alone trains the others, and says so", async () => {
    const from = world.events.length
    const { values } = await world.run({
      trained: Pairs.trained({ ...ranked, topic }, { epochs: 1, freeze: Freeze.backbone() }),
    })
    const notices = world.events.slice(from).flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    expect(notices).toContain("ranked is not drawn: its head has no weights, and the encoder is frozen.")
    const [entry] = History.entries(values.trained.training.history)
    expect(entry!.trainable).toEqual(["head.topic"])
    expect(entry!.scores.map(({ task }) => task)).toEqual(["ranked", "topic"])
  })

  it("stops by the figure of its loss, each task for itself", async () => {
    const { values } = await world.run({
      trained: Pairs.trained(
        { ...ranked, topic },
        { epochs: 6, earlyStopping: { patience: 1, tasks: "perTask", minDelta: 1 } },
      ),
    })
    const [entry] = History.entries(values.trained.training.history)
    // Nothing gains 1 in the second epoch, which ends after 8 of 24 updates.
    expect(entry!.updates).toBe(8)
  })
})

describe("what the examples lack is refused", () => {
  const refusal = async (head: Head.Head, task: string, parts: typeof Pairs.matching) => {
    const found = world.run({
      heads: Train.heads({ checkpoint: Pairs.encoder, heads: { [task]: head }, train: { [task]: parts.train } }),
    })
    return found.then(
      () => "accepted",
      (error: unknown) => (error as Error).message,
    )
  }
  const embedding = (loss: PairLoss.PairLoss) => Head.sentenceEmbedding({ loss })

  it.each([
    [
      "a second text",
      embedding(PairLoss.cosineSimilarity()),
      "near",
      Corpus.small,
      'Train.heads: Train.heads, task near: expected examples of two texts, got examples of one. Name the second where they are loaded: pair: "…".',
    ],
    [
      "a third",
      embedding(PairLoss.triplet()),
      "third",
      Pairs.matching,
      'Train.heads: Train.heads, task third: expected a third text for PairLoss.triplet, less near to the first than the second, got examples of two texts. Name it where they are loaded: negative: "…". PairLoss.multipleNegativesRanking() needs none.',
    ],
    [
      "a score",
      embedding(PairLoss.cosineSimilarity()),
      "alike",
      Pairs.judged,
      "Train.heads: Train.heads, task alike: expected a number an example, for PairLoss.cosineSimilarity, got a label. Name the column as a score where it is loaded.",
    ],
    [
      "a label",
      embedding(PairLoss.contrastive()),
      "near",
      Pairs.judged,
      "Train.heads: Train.heads, task near: expected a label an example, for PairLoss.contrastive, got a number. Name the column as a label where it is loaded.",
    ],
    [
      "the label that says alike",
      embedding(PairLoss.contrastive()),
      "alike",
      Pairs.judged,
      'Train.heads: Train.heads, task alike: expected pairs with the label "1", which says that two texts are alike, got pairs with "no", "yes". Name the label that does: PairLoss.contrastive({ alike: "…" }).',
    ],
    [
      "pairs that are not alike",
      embedding(PairLoss.contrastive({ alike: "yes" })),
      "alike",
      Pairs.allAlike,
      'Train.heads: Train.heads, task alike: expected pairs that are not alike too, got only pairs with "yes". PairLoss.multipleNegativesRanking() learns from pairs that are all alike.',
    ],
    [
      "a column of the task",
      embedding(PairLoss.cosineSimilarity()),
      "nearr",
      Pairs.judged,
      'Train.heads: Train.heads, task nearr: expected examples with labels for task "nearr", got examples with labels for "alike", "near". Did you mean "near"?',
    ],
  ] as const)("%s", async (_, head, task, parts, message) => {
    expect(await refusal(head, task, parts)).toBe(message)
  })

  it("a score that no cosine can be", async () => {
    const tasks = { near: Pairs.task(PairLoss.cosineSimilarity(), Pairs.scaled) }
    await expect(world.run({ trained: Pairs.trained(tasks) })).rejects.toThrow(
      /task near, example t1: expected a score from -1 to 1, as cosines are, got 2\.5\. Scale the scores, e\.g\. 0 to 5 to 0 to 1\./,
    )
  })

  it("an encoder that moves, where nothing else trains", () => {
    const outputs = { trained: Pairs.trained(ranked, { freeze: Freeze.backbone() }) }
    expect(() => Dag.make(Pipeline.make("x", { seed: 1, outputs }))).toThrow(
      'phase 1, backbone frozen: expected an encoder that moves, got only "ranked" to train over a frozen one: a head without weights. Let a block train, or adapters with Freeze.lora().',
    )
  })
})
