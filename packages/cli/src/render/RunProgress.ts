/** What is known of a run that goes on: its events, folded into a state that can be drawn. */
import type { Evaluated, PhaseStarted, RunEvent } from "@thaw/core/RunEvent"

export type StepState = "waiting" | "running" | "cached" | "done" | "failed" | "stopped"

export interface StepProgress {
  readonly step: string
  readonly state: StepState
  readonly why: string
  /** Of the plan: `null` where only the run will tell. */
  readonly planned: boolean | null
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Of a finished step. */
  readonly seconds: number
  readonly phase: PhaseProgress | undefined
  /** Share of a step that counts its own units. */
  readonly done:
    | { readonly done: number; readonly of: number; readonly unit: string; readonly startedAt: number }
    | undefined
  readonly evaluated: ReadonlyArray<typeof Evaluated.Type>
  /** The update at which the step goes on, should it be stopped. */
  readonly saved: { readonly update: number; readonly of: number } | undefined
}

export interface PhaseProgress {
  readonly phase: number
  readonly trainable: ReadonlyArray<string>
  readonly trainableParameters: number
  readonly frozenBytes: number
  readonly boundary: (typeof PhaseStarted.Type)["boundary"]
  readonly updates: number
  readonly startedAt: number
  /** Updates made. */
  readonly update: number
  readonly task: string
  /** Running mean of the loss. */
  readonly loss: number
  readonly learningRate: number
  readonly examplesPerSecond: number
  /** The running mean after each update: the curve. */
  readonly losses: ReadonlyArray<number>
}

export interface RunProgress {
  readonly run: string
  readonly pipeline: string
  readonly seed: number
  readonly steps: ReadonlyArray<StepProgress>
  /** Ctrl-C was pressed and the run is about to end. */
  readonly stopping: boolean
}

export const initial: RunProgress = { run: "", pipeline: "", seed: 0, steps: [], stopping: false }

/** How much one update moves the running mean: batches are noisy. */
const smoothing = 0.1

/** The state after an event that came at `now`, in milliseconds. Steps that no plan named are added. */
export const after = (state: RunProgress, event: RunEvent, now: number): RunProgress => {
  switch (event._tag) {
    case "runStarted":
      return { ...state, run: event.run, pipeline: event.pipeline, seed: event.seed }
    case "planned":
      return {
        ...state,
        steps: event.steps.map(({ step, cached, why }) => ({ ...fresh(step, now), planned: cached, why })),
      }
    case "stepStarted":
      return change(state, event.step, now, (step) => ({
        ...step,
        state: "running",
        why: event.why,
        startedAt: now,
      }))
    case "stepFinished":
      return change(state, event.step, now, (step) => ({
        ...step,
        state: event.cached ? "cached" : "done",
        why: event.why,
        seconds: event.seconds,
      }))
    case "phaseStarted":
      return change(state, event.step, now, (step) => ({ ...step, phase: phaseOf(event, now) }))
    case "update":
      return change(state, event.step, now, (step) => {
        if (step.phase === undefined) return step
        const { losses } = step.phase
        const mean = losses.at(-1)
        const loss = mean === undefined ? event.loss : mean + smoothing * (event.loss - mean)
        const { update, task, learningRate, examplesPerSecond } = event
        // Appended in place: a run makes thousands of updates, and this list has one owner.
        ;(losses as Array<number>).push(loss)
        return { ...step, phase: { ...step.phase, update, task, loss, learningRate, examplesPerSecond } }
      })
    case "evaluated":
      return change(state, event.step, now, (step) => ({
        ...step,
        evaluated: [...step.evaluated.filter(({ task, split }) => task !== event.task || split !== event.split), event],
      }))
    case "progressed":
      return change(state, event.step, now, (step) => ({
        ...step,
        done: { done: event.done, of: event.of, unit: event.unit, startedAt: step.done?.startedAt ?? now },
      }))
    case "failed":
      return {
        ...state,
        stopping: false,
        steps: state.steps.map((step) =>
          step.step === event.step
            ? { ...step, state: "failed", seconds: (now - step.startedAt) / 1000 }
            : stopped(step, now),
        ),
      }
    case "runFinished":
      return { ...state, stopping: false, steps: state.steps.map((step) => stopped(step, now)) }
    case "saved":
      return change(state, event.step, now, (step) => ({ ...step, saved: { update: event.update, of: event.of } }))
    case "gradients":
    case "phaseFinished":
    case "noticed":
      return state
  }
}

const fresh = (step: string, now: number): StepProgress => ({
  step,
  state: "waiting",
  why: "",
  planned: null,
  startedAt: now,
  seconds: 0,
  phase: undefined,
  done: undefined,
  evaluated: [],
  saved: undefined,
})

const phaseOf = (event: typeof PhaseStarted.Type, now: number): PhaseProgress => ({
  phase: event.phase,
  trainable: event.trainable,
  trainableParameters: event.trainableParameters,
  frozenBytes: event.frozenBytes,
  boundary: event.boundary,
  updates: event.updates,
  startedAt: now,
  update: 0,
  task: "",
  loss: Number.NaN,
  learningRate: Number.NaN,
  examplesPerSecond: Number.NaN,
  losses: [],
})

const stopped = (step: StepProgress, now: number): StepProgress =>
  step.state === "running" ? { ...step, state: "stopped", seconds: (now - step.startedAt) / 1000 } : step

const change = (
  state: RunProgress,
  label: string,
  now: number,
  how: (step: StepProgress) => StepProgress,
): RunProgress => {
  const steps = state.steps.some(({ step }) => step === label) ? state.steps : [...state.steps, fresh(label, now)]
  return { ...state, steps: steps.map((step) => (step.step === label ? how(step) : step)) }
}

/** Seconds until `of` are done at the speed since `startedAt`; `undefined` before there is a speed. */
export const secondsLeft = (done: number, of: number, startedAt: number, now: number): number | undefined =>
  done < 1 || now <= startedAt ? undefined : ((of - done) * (now - startedAt)) / 1000 / done

/** Steps whose results are kept, and steps that were cut short. */
export const kept = (state: RunProgress): ReadonlyArray<string> =>
  state.steps.filter(({ state: is }) => is === "cached" || is === "done").map(({ step }) => step)
export const cutShort = (state: RunProgress): ReadonlyArray<StepProgress> =>
  state.steps.filter(({ state: is }) => is === "running" || is === "stopped")
