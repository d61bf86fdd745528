/** One attempt at a phase's updates: from where an earlier one was stopped, or from the first. */
import { InvalidData } from "@thaw/core/Errors"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import * as Group from "@thaw/models/Group"
import * as TrainingModel from "@thaw/models/TrainingModel"
import { Effect } from "effect"
import * as Batch from "../Batch.ts"
import * as Rates from "../Rates.ts"
import * as Draws from "../sample/Draws.ts"
import * as TokenBudget from "../sample/TokenBudget.ts"
import * as Balanced from "./Balanced.ts"
import * as EarlyStopping from "./EarlyStopping.ts"
import * as History from "./History.ts"
import * as Loop from "./Loop.ts"
import * as Progress from "./Progress.ts"
import * as Resident from "./Resident.ts"
import * as Saving from "./Saving.ts"
import * as Speedometer from "./Speedometer.ts"
import { only, type Stage } from "./Stage.ts"
import * as Telemetry from "./Telemetry.ts"
import type { Batched, Counts, Grams, RatesOf } from "./Updates.ts"
import * as Verdict from "./Verdict.ts"

/** The progress at the end, and how to put back the best weights of a watch. */
export const run = Effect.fnUntraced(function* (stage: Stage) {
  const { inputs, label, phase, roles, model, device, total, perEpoch, balancing } = stage
  const { emit } = yield* RunEvents
  const { progress: folder } = yield* Step.StepRun
  const watches = Verdict.watches(inputs, roles.drawn)
  if (watches.length > 0 || inputs.unfreezeUntil !== undefined) yield* requireValidation(stage)
  const saving = Saving.open(folder, device)
  const resumed = yield* saving.resume
  const start = resumed ?? (yield* fresh(stage, watches))
  if (resumed !== undefined) {
    const message = `goes on after update ${resumed.update} of ${total}, where an earlier attempt was stopped`
    yield* emit({ _tag: "noticed", step: label, message })
  }
  const restore = restoring(stage, saving)
  const names = Resident.stateNames(inputs.optimizer, model.parameters)
  const update = yield* updating(stage, start)

  const evaluate = Effect.fnUntraced(function* (progress: Progress.Progress) {
    const active = roles.drawn.filter((task) => !Object.hasOwn(progress.stopped, task))
    const scores = yield* stage.score([...active, ...(inputs.noWorseThan?.tasks ?? [])])
    const balanced = yield* balancing.evaluated(progress, scores)
    const { progress: after, improved } = yield* Verdict.after(inputs, watches, roles.drawn, balanced, scores, label)
    for (const watch of Verdict.restoring(watches).filter((each) => improved.includes(each))) {
      const name = Verdict.bestName(watch, after.update)
      yield* saving.best(name, after, Resident.stateNames(inputs.optimizer, parametersOf(stage, watch)))
    }
    // The head of a task that stops now stays at its best from here on.
    const stopping = Verdict.restoring(watches).filter(
      ({ task }) => task !== undefined && after.stopped[task] === after.update,
    )
    return Effect.gen(function* () {
      let settled = after
      for (const watch of stopping) settled = yield* restore(watch, Verdict.bestOf(watch, after), settled)
      return settled
    })
  })

  const save = Effect.fnUntraced(function* (progress: Progress.Progress) {
    yield* saving.latest(progress, names, Verdict.bests(watches, progress))
    yield* emit({ _tag: "saved", step: label, phase, update: progress.update, of: total })
  })

  const { everyUpdates, everyMinutes } = inputs.save
  const last = yield* Loop.run(
    {
      total,
      perEpoch,
      draws: stage.draws(),
      update,
      evaluate,
      isOver: (progress) => Verdict.isOver(watches, roles.drawn, progress),
      save,
      everyUpdates,
      everyMillis: everyMinutes === undefined ? undefined : everyMinutes * 60_000,
    },
    start,
  )
  return { last, watches, restore }
})

/** Without a score nothing is ever the best, and what was learned would be given away in the end. */
const requireValidation = Effect.fnUntraced(function* ({ roles, heldOut, label }: Stage) {
  const isScored = (task: string) =>
    heldOut.some(
      (corpus) => corpus.tasks.includes(task) && corpus.examples.some((each) => Batch.isDrawable(corpus, each, task)),
    )
  const missing = roles.drawn.find((task) => !isScored(task))
  if (missing === undefined) return
  return yield* new InvalidData({
    where: `${label}, validation`,
    expected: `examples that carry a label for task ${JSON.stringify(missing)}, whose score decides when to stop and what to keep`,
    got: "none",
    advice: "Give the task validation examples, or a length in epochs or updates without early stopping.",
  })
})

/** The start of a phase that no earlier attempt has begun. */
const fresh = Effect.fnUntraced(function* (
  { inputs, roles, score, balancing }: Stage,
  watches: ReadonlyArray<Verdict.Watch>,
) {
  const { training } = inputs.checkpoint
  const compares = inputs.unfreezeUntil !== undefined && inputs.unfreezeUntil.position > 1
  const compared = new Set([...(inputs.noWorseThan?.tasks ?? []), ...(compares ? roles.drawn : [])])
  const before = compared.size === 0 ? [] : yield* score([...compared])
  const carried = inputs.earlyStopping?.scope === "run" ? (History.latest(training.history)?.earlyStopping ?? {}) : {}
  const watching = watches.flatMap(({ name }) =>
    Object.hasOwn(carried, name) ? [[name, EarlyStopping.carried(carried[name]!)] as const] : [],
  )
  const { start } = balancing
  return {
    ...Progress.start(training.updates, Object.fromEntries(watching), before),
    ...(start === undefined ? {} : { balance: start }),
  }
})

/** What a watch restores: everything that trains, or the head of its task. */
const parametersOf = ({ model }: Stage, { task }: Verdict.Watch) =>
  task === undefined ? model.parameters : model.parameters.filter(({ group }) => group === Group.head(task))

/** Puts back the best of a watch, or with update 0 what the phase was given, and the counts that belong to it. */
const restoring = (stage: Stage, saving: Saving.Saving) =>
  Effect.fnUntraced(function* (watch: Verdict.Watch, update: number, now: Progress.Progress) {
    const before = stage.inputs.checkpoint.training.updates
    if (update === now.update) return now
    if (update === 0)
      yield* Resident.reload(stage.device, stage.files, stage.inputs.optimizer, parametersOf(stage, watch), before)
    const counts = update === 0 ? before : (yield* saving.restore(Verdict.bestName(watch, update))).counts
    if (watch.task === undefined) return { ...now, counts }
    const group = Group.head(watch.task)
    const { [group]: _, ...others } = now.counts
    return { ...now, counts: counts[group] === undefined ? others : { ...others, [group]: counts[group] } }
  })

/** One update for a draw. */
const updating = Effect.fnUntraced(function* (stage: Stage, start: Progress.Progress) {
  const { inputs, label, phase, pools, total, updates, boundary, balancing } = stage
  const { emit } = yield* RunEvents
  const speed = yield* Speedometer.make
  const { blocks } = inputs.checkpoint.config.dimensions
  const byTask = new Map(pools.map((pool) => [pool.task, pool]))
  const drawn = (progress: Progress.Progress, { task, rows }: Draws.Part) => {
    const { examples, mask } = byTask.get(task)!
    return rows.map((row) =>
      mask === undefined ? examples[row]! : mask(examples[row]!, stage.seed, String(progress.update)),
    )
  }

  /** The draw's micro-batches, each with its number among those of the phase. */
  const batchesOf = (progress: Progress.Progress, draw: Draws.Draw): ReadonlyArray<Batched> => {
    const examples = draw.parts.flatMap((part) => drawn(progress, part))
    const active = stage.tasks.filter((task) => !Object.hasOwn(progress.stopped, task))
    const heads = only(inputs.checkpoint.heads, active)
    const { tokenBudget, batch } = inputs
    const cut =
      tokenBudget === undefined
        ? Draws.cut(examples, batch)
        : TokenBudget.cut(examples, Batch.tokensOf, tokenBudget.tokens)
    return cut.map((part, at) => {
      const rows = part.flatMap(Batch.rowsOf)
      const { feeds, tasks } = Batch.make(rows, heads, stage.padId)
      const counted = TrainingModel.microBatch(progress.update * inputs.accumulate + at)
      return { rows, feeds: { ...feeds, ...counted }, tasks }
    })
  }

  const isLookedAt = (progress: Progress.Progress) => Telemetry.isDue(inputs, progress.update)

  /** What a batch of each task says of gradients, where it is time to look and the update itself does not. */
  const look = Effect.fnUntraced(function* (progress: Progress.Progress) {
    if (!isLookedAt(progress) || balancing.gradients !== undefined) return undefined
    const drawn = pools.filter(({ task }) => !Object.hasOwn(progress.stopped, task))
    const parts = Telemetry.parts(drawn, inputs.batch, stage.seed, progress.update)
    return yield* updates.look(batchesOf(progress, { parts }))
  })

  const apply = Effect.fnUntraced(function* (
    progress: Progress.Progress,
    batches: ReadonlyArray<Batched>,
    rates: RatesOf,
    weights: Counts,
  ) {
    const { gradients } = balancing
    if (gradients === undefined)
      return { ...(yield* updates.apply(batches, rates, weights)), grams: yield* look(progress) }
    let grams: Grams | undefined
    const wanted = isLookedAt(progress) ? undefined : gradients.groups
    const { losses } = yield* updates.combine(batches, rates, wanted, (found) => {
      grams = found
      return gradients.combine(progress, found)
    })
    const loss = Object.entries(losses).reduce((sum, [task, each]) => sum + weights[task]! * each, 0)
    return { loss, losses, grams }
  })

  return Effect.fnUntraced(function* (progress: Progress.Progress, draw: Draws.Draw) {
    const batches = batchesOf(progress, draw)
    let counted = progress
    let highest = 0
    const rates = (groups: ReadonlyArray<Group.Group>) => {
      counted = Progress.counted(progress, groups)
      const each = groups.map((group) => ({
        group,
        learningRate: Rates.at(inputs, group, blocks, progress.update, total),
        count: counted.counts[group]!,
      }))
      highest = Math.max(...each.map(({ learningRate }) => learningRate))
      return TrainingModel.rates(stage.plan, each)
    }
    const weights = balancing.weights(progress)
    const compared = boundary.exact !== undefined && progress === start && batches.length === 1
    const exact = compared ? yield* updates.loss(batches[0]!, rates, weights, boundary.exact) : undefined
    const { losses, grams, ...applied } = yield* apply(progress, batches, rates, weights)
    const loss = applied.loss + balancing.added(progress, Object.keys(losses))
    const update = progress.update + 1
    if (!Number.isFinite(loss)) return yield* diverged(label, update, loss)
    const seen = grams === undefined || !isLookedAt(progress) ? [] : Telemetry.seen(update, grams)
    const after = Balanced.withSeen(balancing.updated(counted, losses, grams), seen)
    const told = Effect.gen(function* () {
      if (exact !== undefined) {
        const message = `what the frozen part gives is kept in half precision: the first loss is ${loss}, and ${exact} without`
        yield* emit({ _tag: "noticed", step: label, message })
      }
      yield* emit({
        _tag: "update",
        step: label,
        phase,
        update,
        task: Draws.tasksOf(draw).join(", "),
        loss,
        ...(progress.balance === undefined ? {} : { losses, weights }),
        learningRate: highest,
        examplesPerSecond: yield* speed(draw.parts.reduce((sum, { rows }) => sum + rows.length, 0)),
      })
      for (const each of seen) yield* emit({ _tag: "gradients", step: label, phase, ...each })
    })
    const lengths = batches.map(({ rows }) => rows.map(Batch.lengthOf))
    return { progress: Progress.taken(after, lengths), told }
  })
})

const diverged = (label: string, update: number, loss: number) =>
  new InvalidData({
    where: `${label}, update ${update}`,
    expected: "a finite loss",
    got: String(loss),
    advice: "Lower the learning rate, or lower maxGradientNorm.",
  })
