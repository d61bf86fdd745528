import * as EarlyStopping from "@thaw/steps/training/EarlyStopping"
import * as Progress from "@thaw/steps/training/Progress"
import * as Verdict from "@thaw/steps/training/Verdict"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

/** Feeds the scores one by one, update 1 first, until patience is at its end. */
const follow = (patience: EarlyStopping.Patience, scores: ReadonlyArray<number>) => {
  let state = EarlyStopping.initial
  for (const [at, score] of scores.entries()) {
    state = EarlyStopping.after(patience, state, score, at + 1)
    if (EarlyStopping.isOver(patience, state)) return { stoppedAt: at + 1, restores: state.bestForRestore?.update }
  }
  return { stoppedAt: undefined, restores: state.bestForRestore?.update }
}

describe("early stopping", () => {
  it.each([
    {
      name: "stops after `patience` evaluations without gain",
      scores: [1, 2, 2, 1, 5],
      patience: 2,
      stoppedAt: 4,
      restores: 2,
    },
    {
      name: "restores the best also where it never stopped",
      scores: [1, 3, 2],
      patience: 2,
      stoppedAt: undefined,
      restores: 2,
    },
    {
      name: "is not kept going by slow gains below minDelta, but restores the last of them",
      scores: [1, 1.05, 1.08, 1.09],
      minDelta: 0.1,
      patience: 3,
      stoppedAt: 4,
      restores: 4,
    },
    {
      name: "counts slow gains that add up to more than minDelta over its own best",
      scores: [1, 1.06, 1.12, 1.18, 1.2],
      minDelta: 0.1,
      patience: 2,
      stoppedAt: 5,
      restores: 5,
    },
    {
      name: "does not count a gain of exactly minDelta",
      scores: [1, 1.5],
      minDelta: 0.5,
      patience: 1,
      stoppedAt: 2,
      restores: 2,
    },
    { name: "keeps the earliest of ties", scores: [1, 2, 2, 2], patience: 9, stoppedAt: undefined, restores: 2 },
    {
      name: "goes on after a plateau that ends in time",
      scores: [1, 1, 1, 2, 2, 2],
      patience: 3,
      stoppedAt: undefined,
      restores: 4,
    },
    {
      name: "never takes NaN for the best",
      scores: [Number.NaN, 0.1, Number.NaN, 0.05],
      patience: 3,
      stoppedAt: undefined,
      restores: 2,
    },
    { name: "loses patience with NaN", scores: [1, Number.NaN, Number.NaN, 3], patience: 2, stoppedAt: 3, restores: 1 },
    {
      name: "has nothing to restore where all was NaN",
      scores: [Number.NaN, Number.NaN],
      patience: 2,
      stoppedAt: 2,
      restores: undefined,
    },
    { name: "works below zero, as with losses", scores: [-3, -2, -2.5, -2.4], patience: 2, stoppedAt: 4, restores: 2 },
  ])("$name", ({ scores, patience, minDelta = 0, stoppedAt, restores }) => {
    expect(follow({ minDelta, patience }, scores)).toEqual({ stoppedAt, restores })
  })

  it("restores the first place of the highest score, whatever the sequence", () => {
    const score = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(Number.NaN))
    fc.assert(
      fc.property(
        fc.array(score, { maxLength: 20 }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (scores, minDelta) => {
          const numbers = scores.filter((each) => !Number.isNaN(each))
          const first = numbers.length === 0 ? undefined : scores.indexOf(Math.max(...numbers)) + 1
          expect(follow({ minDelta, patience: 100 }, scores).restores).toBe(first)
        },
      ),
    )
  })

  it("goes on in a later phase, where the best so far are the weights that it begins with", () => {
    const patience = { minDelta: 0, patience: 2 }
    const first = [0.5, 0.8, 0.7].reduce(
      (state, score, at) => EarlyStopping.after(patience, state, score, at + 1),
      EarlyStopping.initial,
    )
    const second = EarlyStopping.after(patience, EarlyStopping.carried(first), 0.6, 10)
    expect(second.bestForRestore).toEqual({ score: 0.8, update: 0 })
    expect(EarlyStopping.isOver(patience, second)).toBe(true)
  })
})

describe("what scores decide in a phase", () => {
  const scored = (task: string, macroF1: number) => ({
    task,
    head: "classification" as const,
    metrics: { macroF1, loss: 1 },
  })
  const drawn = ["a", "b"]

  /** Evaluations of both tasks after 10, 20, … updates. */
  const judge = (
    told: Parameters<typeof Verdict.after>[0],
    pairs: ReadonlyArray<readonly [number, number]>,
    before: Progress.Progress["before"] = [],
  ) => {
    const watches = Verdict.watches(told, drawn)
    let progress = Progress.start({}, {}, before)
    for (const [at, [a, b]] of pairs.entries()) {
      const scores = [scored("a", a), scored("b", b)]
      const now = { ...progress, update: 10 * (at + 1) }
      progress = Effect.runSync(Verdict.after(told, watches, drawn, now, scores, "phase")).progress
      if (Verdict.isOver(watches, drawn, progress)) break
    }
    return { progress, bests: Verdict.bests(watches, progress), isOver: Verdict.isOver(watches, drawn, progress) }
  }
  const early = (tasks: "aggregate" | "perTask") => ({ minDelta: 0, patience: 2, tasks, scope: "phase" as const })

  it("looks at the tasks' mean", () => {
    const told = { length: { epochs: 9 }, earlyStopping: early("aggregate") }
    const { progress, bests, isOver } = judge(told, [
      [0.2, 0.2],
      [0.9, 0.1],
      [0.1, 0.8],
      [0.3, 0.6],
      [0.9, 0.9],
    ])
    expect([progress.update, isOver, bests]).toEqual([40, true, ["best-20"]])
  })

  it("stops each task for itself, and the phase when all have stopped", () => {
    const told = { length: { epochs: 9 }, earlyStopping: early("perTask") }
    const { progress, bests, isOver } = judge(told, [
      [0.5, 0.1],
      [0.4, 0.2],
      [0.3, 0.3],
      [0.9, 0.2],
      [0.9, 0.1],
    ])
    expect([progress.stopped, isOver]).toEqual([{ a: 30, b: 50 }, true])
    // What a scores after it stopped is not looked at.
    expect(bests).toEqual(["best.a-10", "best.b-30"])
  })

  it("ends a phase that converged", () => {
    const told = { length: { converged: { minDelta: 0.05, patience: 2, maxEpochs: 9 } } }
    const { progress, bests, isOver } = judge(told, [
      [0.5, 0.5],
      [0.52, 0.52],
      [0.54, 0.54],
      [0.9, 0.9],
    ])
    expect([progress.update, isOver, bests]).toEqual([30, true, ["best-30"]])
  })

  it("takes no weights for the best at which a task is worse than it may be", () => {
    const told = {
      length: { epochs: 9 },
      earlyStopping: early("aggregate"),
      noWorseThan: { tolerance: 0.05, tasks: ["b"] },
    }
    const { bests } = judge(
      told,
      [
        [0.5, 0.46],
        [0.9, 0.44],
      ],
      [scored("b", 0.5)],
    )
    expect(bests).toEqual(["best-10"])
  })

  describe("follows scripted scores, of the mean and of a task, in a phase and over phases", () => {
    const scripts = [
      {
        name: "slow gains below minDelta",
        scores: [0.5, 0.53125, 0.5625, 0.59375, 0.9],
        minDelta: 0.125,
        stopsAt: 4,
        restores: 4,
      },
      { name: "NaN", scores: [Number.NaN, 0.5, Number.NaN, 0.25, Number.NaN, 0.9], stopsAt: 5, restores: 2 },
      { name: "ties", scores: [0.25, 0.5, 0.5, 0.5, 0.5, 0.9], stopsAt: 5, restores: 2 },
      { name: "a plateau and then a gain", scores: [0.5, 0.5, 0.5, 0.75, 0.5, 0.5, 0.5], stopsAt: 7, restores: 4 },
      { name: "no stop at all", scores: [0.25, 0.5, 0.75, 0.5], stopsAt: undefined, restores: 3 },
    ]
    const cases = scripts.flatMap((script) =>
      (["aggregate", "perTask"] as const).flatMap((tasks) => [
        { ...script, tasks, scope: "phase" as const, cut: script.scores.length },
        // Over two phases, cut after every evaluation.
        ...script.scores.slice(1).map((_, at) => ({ ...script, tasks, scope: "run" as const, cut: at + 1 })),
      ]),
    )

    it.each(cases)("$name: $tasks, per $scope, first phase of $cut evaluations", (script) => {
      const { scores, tasks, scope, cut, minDelta = 0, stopsAt, restores } = script
      const told = { length: { epochs: 9 }, earlyStopping: { minDelta, patience: 3, tasks, scope } }
      const watches = Verdict.watches(told, drawn)
      const watch = watches[0]!
      /** Both tasks' scores have the script's mean; or a follows it, and b gains for ever. */
      const pair = (score: number, at: number) =>
        tasks === "aggregate" ? [score + 0.125, score - 0.125] : [score, 0.001 * at]
      const over = (progress: Progress.Progress) =>
        tasks === "aggregate"
          ? Verdict.isOver(watches, drawn, progress)
          : EarlyStopping.isOver(watch, progress.watching[watch.name] ?? EarlyStopping.initial)
      let carried: Progress.Progress["watching"] = {}
      let stoppedAt: number | undefined
      /** The evaluation whose weights are given in the end, over all phases. */
      let best: number | undefined
      let seen = 0
      for (const part of [scores.slice(0, cut), scores.slice(cut)]) {
        let progress = Progress.start({}, carried, [])
        const before = seen
        for (const [at, score] of part.entries()) {
          if (over(progress)) break
          const [a, b] = pair(score, before + at)
          const now = { ...progress, update: at + 1 }
          progress = Effect.runSync(
            Verdict.after(told, watches, drawn, now, [scored("a", a!), scored("b", b!)], "phase"),
          ).progress
          seen++
          if (stoppedAt === undefined && over(progress)) stoppedAt = seen
        }
        const update = Verdict.bestOf(watch, progress)
        if (update > 0) best = before + update
        carried = Object.fromEntries(
          Object.entries(progress.watching).map(([name, state]) => [name, EarlyStopping.carried(state)]),
        )
      }
      expect({ stoppedAt, best }).toEqual({ stoppedAt: stopsAt, best: restores })
    })
  })

  it("refuses a metric that evaluation does not report", () => {
    const told = { length: { epochs: 9 }, earlyStopping: { ...early("aggregate"), metric: "macroF" } }
    expect(() => judge(told, [[0.5, 0.5]])).toThrow(
      'phase, task a, metric: expected one of "macroF1", "loss", got "macroF". Did you mean "macroF1"?',
    )
  })
})
