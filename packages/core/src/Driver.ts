/**
 * Runs a pipeline: every step as soon as what it needs is there, equal keys never twice.
 *
 * The driver decides, remembers and tells; the `Runner` only runs one step run somewhere. A step's result is kept
 * before the step counts as finished, so an interrupted run keeps all finished steps.
 */
import { Cause, Clock, Deferred, Effect, Semaphore } from "effect"
import * as Artifact from "./Artifact.ts"
import { ArtifactStore } from "./ArtifactStore.ts"
import type { StepResult } from "./ArtifactStore.ts"
import type * as ContentKey from "./ContentKey.ts"
import * as Dag from "./Dag.ts"
import type { ArtifactBroken, JournalBroken, SourceUnreadable } from "./Errors.ts"
import { StepFailed } from "./Errors.ts"
import type { Journal, RunHandle } from "./Journal.ts"
import * as Plan from "./Plan.ts"
import * as Resolve from "./Resolve.ts"
import { RunEvents } from "./RunEvent.ts"
import { failure, Runner } from "./Runner.ts"
import * as Seed from "./Seed.ts"
import type * as Source from "./Source.ts"
import * as Step from "./Step.ts"

/** What became of one step. */
export interface StepOutcome {
  readonly result: StepResult
  readonly cached: boolean
}

/** Outcomes by node; every node of the Dag is there. */
export type Outcomes = ReadonlyMap<Dag.Node, StepOutcome>

/**
 * Runs what the plan does not find in the store, and tells `handle` of every step run.
 *
 * Errors: `StepFailed` of the first step that failed; steps that run beside it are interrupted.
 */
export const run = Effect.fnUntraced(function* (
  dag: Dag.Dag,
  setting: Plan.Setting,
  handle: RunHandle,
): Effect.fn.Return<Outcomes, StepFailed, ArtifactStore | Journal | Runner | RunEvents> {
  const runner = yield* Runner
  const permits = yield* Semaphore.make(runner.concurrency)
  const finished = new Map<Dag.Node, Deferred.Deferred<StepOutcome>>()
  for (const node of dag.nodes) finished.set(node, yield* Deferred.make<StepOutcome>())
  const outcomes = new Map<Dag.Node, StepOutcome>()
  const turns: Turns = new Map()

  yield* Effect.forEach(
    dag.nodes,
    (node) =>
      Effect.gen(function* () {
        const needed = new Map<Dag.Node, Resolve.References>()
        for (const need of node.needs) {
          needed.set(need.from, (yield* Deferred.await(finished.get(need.from)!)).result.outputs)
        }
        const outcome = yield* permits.withPermits(1)(runNode(node, needed, setting, turns))
        outcomes.set(node, outcome)
        const { key, ingredients, outputs, seconds } = outcome.result
        yield* handle.stepRan({ step: node.label, key, ingredients, outputs, seconds, cached: outcome.cached })
        yield* Deferred.succeed(finished.get(node)!, outcome)
      }),
    { concurrency: "unbounded", discard: true },
  )
  return outcomes
})

/** By content key: two calls that come to the same key take turns, so the second finds what the first gave. */
type Turns = Map<string, Semaphore.Semaphore>

const turnOf = (turns: Turns, key: string): Semaphore.Semaphore => {
  const turn = turns.get(key) ?? Semaphore.makeUnsafe(1)
  turns.set(key, turn)
  return turn
}

/** One node: reuse its result, or run it and keep what it gives. */
const runNode = (
  node: Dag.Node,
  needed: ReadonlyMap<Dag.Node, Resolve.References>,
  setting: Plan.Setting,
  turns: Turns,
) =>
  Effect.gen(function* () {
    const first = yield* Plan.decide(node, needed, setting)
    if (first._tag === "Reuse") return yield* runDecided(node, needed, setting, first)
    return yield* turnOf(turns, first.key).withPermits(1)(
      Effect.gen(function* () {
        const result = yield* (yield* ArtifactStore).recall(first.key)
        const decision = result === undefined ? first : Plan.reuse(node, first.key, result)
        return yield* runDecided(node, needed, setting, decision)
      }),
    )
  }).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.fail(failure(node.label, Cause.squash(cause))),
    ),
  )

const runDecided = (
  node: Dag.Node,
  needed: ReadonlyMap<Dag.Node, Resolve.References>,
  setting: Plan.Setting,
  decision: Plan.Decided,
) =>
  Effect.gen(function* () {
    const events = yield* RunEvents
    const started = yield* Clock.currentTimeMillis
    const why = Plan.why(decision)
    const cached = decision._tag === "Reuse"
    yield* events.emit({ _tag: "stepStarted", step: node.label, cached, why })
    if (cached && decision.sourceChanged) yield* events.emit({ _tag: "noticed", step: node.label, message: why })
    const result = decision._tag === "Run" ? yield* compute(node, needed, setting, decision) : decision.result
    yield* events.emit({
      _tag: "stepFinished",
      step: node.label,
      cached,
      why,
      seconds: ((yield* Clock.currentTimeMillis) - started) / 1000,
      outputs: result.outputs,
    })
    return { result, cached } satisfies StepOutcome
  })

const compute = (
  node: Dag.Node,
  needed: ReadonlyMap<Dag.Node, Resolve.References>,
  setting: Plan.Setting,
  decision: Extract<Plan.Decision, { _tag: "Run" }>,
): Effect.Effect<StepResult, StepFailed | ArtifactBroken | JournalBroken | SourceUnreadable, ArtifactStore | Runner> =>
  Effect.gen(function* () {
    const store = yield* ArtifactStore
    const runner = yield* Runner
    const scratch = yield* store.scratch
    const progress = yield* store.progress(decision.key)
    const cache = yield* store.cache
    const started = yield* Clock.currentTimeMillis
    const inputs = yield* inputsOf(node, needed, setting, decision.ingredients)
    const values = yield* runner.run({ step: node.step, label: node.label, inputs, scratch, progress, cache })
    const outputs: Record<string, Artifact.Reference> = {}
    for (const [name, kind] of Object.entries(Step.outputsOf(node.step))) {
      const value: unknown = (values as Readonly<Record<string, unknown>> | undefined | null)?.[name]
      if (value === undefined) {
        return yield* new StepFailed({
          step: node.label,
          tag: "PipelineInvalid",
          problem: `output ${name}: expected ${kind.kind}, got nothing. Return it from the step's run.`,
        })
      }
      outputs[name] = yield* store.put(kind.kind, yield* Artifact.write(kind, value))
    }
    const ended = yield* Clock.currentTimeMillis
    const result: StepResult = {
      key: decision.key,
      ingredients: decision.ingredients,
      code: Plan.codeHash(node),
      outputs,
      seconds: (ended - started) / 1000,
      finishedAt: new Date(ended).toISOString(),
    }
    yield* store.remember(result)
    return result
  }).pipe(Effect.scoped)

/** The argument of the step's `run`: artifacts read and verified, sources located, seeds derived. */
const inputsOf = Effect.fnUntraced(function* (
  node: Dag.Node,
  needed: ReadonlyMap<Dag.Node, Resolve.References>,
  setting: Plan.Setting,
  { sources }: ContentKey.Ingredients,
) {
  const store = yield* ArtifactStore
  const values = new Map<string, unknown>()
  const read = new Map<string, unknown>()
  for (const need of node.needs) {
    const reference = needed.get(need.from)![need.output]!
    // One artifact that several inputs share is read once, and stays one value.
    if (!read.has(reference.hash)) {
      const kind = Step.outputsOf(need.from.step)[need.output]!
      read.set(reference.hash, yield* kind.read(yield* store.get(reference)))
    }
    values.set(need.field, Dag.accepted(node, need, read.get(reference.hash)))
  }
  for (const [field, { value }] of Object.entries(node.values)) values.set(field, value)

  const inputs: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(node.step.input)) {
    // Members sorted by name, as in the key: a step sees nothing that its key does not.
    if ((field as { _tag?: unknown })._tag === "ArtifactRecord") {
      const members = [...values].filter(([path]) => path.startsWith(`${name}.`)).sort(([a], [b]) => (a < b ? -1 : 1))
      inputs[name] = Object.fromEntries(members.map(([path, value]) => [path.slice(name.length + 1), value]))
    } else if (values.has(name)) inputs[name] = values.get(name)
  }
  for (const [field, value] of Object.entries(node.parameters)) inputs[field] = Dag.parameter(node, field, value)
  for (const [field, written] of Object.entries(node.sources)) {
    const { form } = node.step.input[field] as Source.Source
    // What the key was made of, and not what the address may stand for by now.
    inputs[field] = form === "address" ? { pinned: sources[field]!, written } : Resolve.locate(written, setting)
  }
  for (const [field, { value, path }] of Object.entries(Resolve.seeds(node, setting))) {
    inputs[field] = Seed.make(value, ...path)
  }
  return inputs
})
