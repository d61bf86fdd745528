/**
 * The run journal: what ran, when, with what and to which result.
 *
 * The truth is an append-only log per run; a database is derived from the logs for questions across runs and may be
 * deleted at any time.
 *
 * ```
 * <root>/runs/<run id>/events.jsonl   one Entry a line, written only by the run's process
 * <root>/runs.db                      SQLite, derived
 * ```
 */
import { join } from "node:path"
import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import type { JournalBroken } from "./Errors.ts"
import * as DerivedJournal from "./internal/DerivedJournal.ts"
import * as RunDatabase from "./internal/RunDatabase.ts"
import * as RunLogs from "./internal/RunLogs.ts"
import type { FinalStatus, RunStart, StepRan } from "./JournalEntry.ts"
import type * as RunEvent from "./RunEvent.ts"

export type { FinalStatus, RunStart, StepRan } from "./JournalEntry.ts"

/** A run as the journal remembers it. */
export interface Run extends RunStart {
  readonly id: string
  /** A run whose process is gone without having said how it ended counts as interrupted. */
  readonly status: FinalStatus | "running"
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly finishedAt: string | undefined
  /** Outputs and metrics of the `runFinished` event; empty before it. */
  readonly outputs: (typeof RunEvent.RunFinished.Type)["outputs"]
  readonly metrics: (typeof RunEvent.RunFinished.Type)["metrics"]
}

export interface StepRun extends StepRan {
  readonly run: string
  /** ISO 8601, UTC. */
  readonly finishedAt: string
}

/** A run that is going on. */
export interface RunHandle {
  readonly id: string
  /** Never waits for the disk: written within a quarter of a second, and when the run ends. */
  readonly record: (event: RunEvent.RunEvent) => Effect.Effect<void>
  readonly stepRan: (stepRun: StepRan) => Effect.Effect<void>
  /** Writes what is left and how the run ended; fails when anything of the run could not be written. */
  readonly finish: (status: FinalStatus) => Effect.Effect<void, JournalBroken>
}

export class Journal extends Context.Service<
  Journal,
  {
    /**
     * A new run. Where the scope ends before `finish`, the run is written down as failed or interrupted, as the scope
     * ended.
     */
    readonly begin: (start: RunStart) => Effect.Effect<RunHandle, JournalBroken, Scope.Scope>
    /** The latest runs, newest first. */
    readonly runs: (most: number) => Effect.Effect<ReadonlyArray<Run>, JournalBroken>
    /** By id or by the beginning of one that no other run shares. Fails with the near misses. */
    readonly run: (id: string) => Effect.Effect<Run, JournalBroken>
    /** Step runs of a run in the order they ended. */
    readonly stepRuns: (run: string) => Effect.Effect<ReadonlyArray<StepRun>, JournalBroken>
    /** The latest step run of this label in a run of this pipeline, of those that began before run `before`. */
    readonly lastStepRun: (
      pipeline: string,
      step: string,
      before?: string,
    ) => Effect.Effect<StepRun | undefined, JournalBroken>
    /** Every evaluation of a run, in order. */
    readonly metrics: (run: string) => Effect.Effect<ReadonlyArray<typeof RunEvent.Evaluated.Type>, JournalBroken>
    /** Every update of a run, in order: its loss curve. */
    readonly updates: (run: string) => Effect.Effect<ReadonlyArray<typeof RunEvent.Update.Type>, JournalBroken>
    /** Every event of a run, in order, with the milliseconds since 1970. */
    readonly events: (
      run: string,
    ) => Effect.Effect<ReadonlyArray<{ readonly at: number; readonly event: RunEvent.RunEvent }>, JournalBroken>
    /** Derives the database anew from the logs. */
    readonly rebuild: Effect.Effect<void, JournalBroken>
    /** What a person should know about the journal itself, e.g. that a damaged database was derived anew. */
    readonly notices: Effect.Effect<ReadonlyArray<string>>
  }
>()("@thaw/core/Journal") {}

/** The journal below `root` (the project's `.thaw`). */
export const folder = (root: string): Layer.Layer<Journal, JournalBroken> =>
  Layer.effect(
    Journal,
    RunLogs.folder(join(root, "runs")).pipe(
      Effect.flatMap((logs) => DerivedJournal.make(logs, RunDatabase.file(join(root, "runs.db")))),
      Effect.map(Journal.of),
    ),
  )

/** A journal that ends with its layer: for tests. */
export const memory: Layer.Layer<Journal, JournalBroken> = Layer.effect(
  Journal,
  Effect.suspend(() => DerivedJournal.make(RunLogs.memory(), RunDatabase.memory)).pipe(Effect.map(Journal.of)),
)
