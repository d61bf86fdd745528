/**
 * One run from the plan to the links of its outputs, written down in the journal and told to a renderer. `run` and
 * `rerun` differ in what store it sees and where outputs are placed.
 */
import * as Artifact from "@thaw/core/Artifact"
import { ArtifactStore } from "@thaw/core/ArtifactStore"
import * as Driver from "@thaw/core/Driver"
import type { ArtifactBroken, JournalBroken, SourceUnreadable, StepFailed } from "@thaw/core/Errors"
import { Journal } from "@thaw/core/Journal"
import type { RunHandle } from "@thaw/core/Journal"
import * as Plan from "@thaw/core/Plan"
import { RunEvents } from "@thaw/core/RunEvent"
import type { RunEvent, RunFinished } from "@thaw/core/RunEvent"
import type * as Augmentation from "@thaw/steps/augment/Report"
import type * as Cleaning from "@thaw/steps/clean/Report"
import type * as Scores from "@thaw/steps/Scores"
import type * as Forgetting from "@thaw/steps/training/Forgetting"
import { Cause, Effect, Exit, Layer } from "effect"
import type { Scope } from "effect"
import * as Arguments from "./Arguments.ts"
import type { HomeUnusable } from "./Errors.ts"
import * as Forgotten from "./Forgotten.ts"
import * as Home from "./Home.ts"
import type * as Outputs from "./Outputs.ts"
import type { Loaded } from "./PipelineFile.ts"
import * as Planning from "./Planning.ts"
import type { Prepared } from "./Planning.ts"
import * as Provenance from "./Provenance.ts"
import * as PhasesText from "./render/PhasesText.ts"
import type { Renderer } from "./render/Renderer.ts"
import * as Services from "./Services.ts"

export interface Request {
  readonly loaded: Loaded
  readonly prepared: Prepared
  readonly given: Arguments.Arguments
  readonly home: string
  readonly place: Outputs.Place
  /** The run that this one repeats. */
  readonly repeats?: string
  /** Why steps run, in place of the plan's reasons. */
  readonly why?: string
}

export interface Finished {
  readonly run: string
  readonly outcomes: Driver.Outcomes
  readonly seconds: number
  readonly outputs: (typeof RunFinished.Type)["outputs"]
  readonly metrics: Readonly<Record<string, number>>
  /** By output name. */
  readonly scores: Readonly<Record<string, Scores.Scores>>
  /** What cleaning steps removed and changed, by output name. */
  readonly cleaning: Readonly<Record<string, Cleaning.Report>>
  /** What augmentation made, by output name. */
  readonly augmentation: Readonly<Record<string, Augmentation.Report>>
  /** What outputs say for people, by output name. */
  readonly summaries: Readonly<Record<string, string>>
  /** Phases of training that ran, in the order they ended. */
  readonly phases: ReadonlyArray<PhasesText.Measured>
  /** By the last phase of each chain. */
  readonly forgetting: Readonly<Record<string, Forgetting.Table>>
}

export type Failure = StepFailed | SourceUnreadable | ArtifactBroken | JournalBroken | HomeUnusable

export const execute = Effect.fnUntraced(function* (
  request: Request,
  renderer: Renderer,
): Effect.fn.Return<Finished, Failure, ArtifactStore | Journal | Scope.Scope> {
  const { loaded, prepared, given, home } = request
  const journal = yield* Journal
  const handle = yield* journal.begin({
    pipeline: loaded.pipeline.name,
    file: Home.recorded(home, loaded.file),
    seed: prepared.setting.seed,
    arguments: Arguments.record(given, request.repeats),
    ...(yield* Provenance.collect(loaded.folder)),
  })
  const startedAt = Date.now()
  const phases = PhasesText.watch()
  const emit = (event: RunEvent) => {
    const told = reworded(event, request.why)
    phases.see(told)
    return Effect.andThen(handle.record(told), renderer.show(told))
  }
  const events = Layer.succeed(RunEvents, { emit })
  const runner = Services.runner(given).pipe(Layer.provideMerge(events))
  return yield* follow(request, handle, startedAt).pipe(
    Effect.map((finished): Finished => ({ ...finished, phases: phases.measured() })),
    Effect.provide(runner),
    Effect.onExit((exit) => close(exit, handle, emit, startedAt)),
  )
})

const follow = Effect.fnUntraced(function* (request: Request, handle: RunHandle, startedAt: number) {
  const { dag, setting } = request.prepared
  const events = yield* RunEvents
  yield* events.emit({ _tag: "runStarted", run: handle.id, pipeline: dag.pipeline.name, seed: setting.seed })
  const own = { ...setting, run: handle.id }
  yield* events.emit({ _tag: "planned", steps: Planning.steps(yield* Plan.make(dag, own)) })
  const outcomes = yield* Driver.run(dag, own, handle)

  const outputs: Record<string, (typeof RunFinished.Type)["outputs"][string]> = {}
  const scores: Record<string, Scores.Scores> = {}
  const cleaning: Record<string, Cleaning.Report> = {}
  const augmentation: Record<string, Augmentation.Report> = {}
  const summaries: Record<string, string> = {}
  for (const [name, { node, output }] of Object.entries(dag.outputs)) {
    const reference = outcomes.get(node)!.result.outputs[output]!
    outputs[name] = { ...reference, path: yield* request.place(dag.pipeline.name, name, reference) }
    if (reference.kind === "json/scores") scores[name] = yield* read(reference, kinds.scores)
    if (reference.kind === "json/cleaning") cleaning[name] = yield* read(reference, kinds.cleaning)
    if (reference.kind === "json/augmentation") augmentation[name] = yield* read(reference, kinds.augmentation)
    const said = yield* readSummary(reference)
    if (said !== undefined) summaries[name] = said
  }
  const forgetting = yield* Forgotten.read(dag, outcomes)
  const metrics = metricsOf(scores)
  const seconds = (Date.now() - startedAt) / 1000
  yield* events.emit({ _tag: "runFinished", run: handle.id, status: "done", seconds, outputs, metrics })
  yield* handle.finish("done")
  return { run: handle.id, outcomes, seconds, outputs, metrics, scores, cleaning, augmentation, summaries, forgetting }
})

/** The run's last words, whatever became of it. A run that was done has said them. */
const close = (
  exit: Exit.Exit<Finished, Failure>,
  handle: RunHandle,
  emit: (event: RunEvent) => Effect.Effect<void>,
  startedAt: number,
): Effect.Effect<void> => {
  if (Exit.isSuccess(exit)) return Effect.void
  const interrupted = Cause.hasInterruptsOnly(exit.cause)
  const seconds = (Date.now() - startedAt) / 1000
  const last: RunEvent = interrupted
    ? { _tag: "runFinished", run: handle.id, status: "interrupted", seconds, outputs: {}, metrics: {} }
    : failed(Cause.squash(exit.cause))
  return emit(last).pipe(
    Effect.andThen(handle.finish(interrupted ? "interrupted" : "failed")),
    // The run's own failure is what is told; a journal that cannot be written besides is not more important.
    Effect.ignore,
  )
}

/** An error as the stream's last line. */
export const failed = (error: unknown): RunEvent => {
  const { _tag, step, tag, problem } = error as { _tag?: string; step?: string; tag?: string; problem?: string }
  return _tag === "StepFailed"
    ? { _tag: "failed", step: step!, error: { _tag: tag!, message: problem! } }
    : {
        _tag: "failed",
        step: null,
        error: {
          _tag: _tag ?? (error instanceof Error ? error.name : "Error"),
          message: error instanceof Error ? error.message : String(error),
        },
      }
}

/** Of small values only: getting an artifact hashes all of it. */
const readSummary = Effect.fnUntraced(function* (reference: Artifact.Reference) {
  if (!reference.kind.startsWith("json/")) return undefined
  const store = yield* ArtifactStore
  const files = yield* store.get(reference)
  return files.has(Artifact.summaryFile) ? yield* Artifact.readText(files, Artifact.summaryFile) : undefined
})

/** Kinds that are shown, loaded where a run has one. */
const kinds = {
  scores: async () => (await import("@thaw/steps/Scores")).kind,
  cleaning: async () => (await import("@thaw/steps/clean/Report")).kind,
  augmentation: async () => (await import("@thaw/steps/augment/Report")).AugmentationReport,
}

const read = Effect.fnUntraced(function* <A>(reference: Artifact.Reference, load: () => Promise<Artifact.Kind<A>>) {
  const store = yield* ArtifactStore
  const kind = yield* Effect.promise(load)
  return yield* kind.read(yield* store.get(reference))
})

/** `task.metric`; where several outputs score one task, `output.task.metric` from the second on. */
export const metricsOf = (scores: Readonly<Record<string, Scores.Scores>>): Record<string, number> => {
  const metrics: Record<string, number> = {}
  for (const [output, { tasks }] of Object.entries(scores)) {
    for (const { task, metrics: own } of tasks) {
      for (const [name, value] of Object.entries(own)) {
        const short = `${task}.${name}`
        metrics[short in metrics ? `${output}.${short}` : short] = value
      }
    }
  }
  return metrics
}

const reworded = (event: RunEvent, why: string | undefined): RunEvent => {
  if (why === undefined) return event
  if (event._tag === "planned") {
    return { ...event, steps: event.steps.map((step) => (step.cached === false ? { ...step, why } : step)) }
  }
  return event._tag === "stepStarted" || event._tag === "stepFinished" ? { ...event, why } : event
}
