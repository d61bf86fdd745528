/**
 * What is known of a checkpoint before the step that makes it has run: enough to say what would train, at what rate, in how
 * much memory. Everything may be missing.
 */
import type { EncoderConfig } from "./EncoderConfig.ts"
import * as Group from "./Group.ts"
import type * as Head from "./Head.ts"

export interface Forecast {
  readonly _tag: "CheckpointForecast"
  readonly config: EncoderConfig
  /** What `config` only guesses, by the name of a dimension: why it is not known. */
  readonly guessed: Readonly<Record<string, string>>
  /** By task; `labels` is undefined where only data would tell. */
  readonly heads: Readonly<Record<string, { readonly head: Head.Head; readonly labels: number | undefined }>>
  /** Groups that have had updates by then. */
  readonly trained: ReadonlyArray<Group.Group>
}

export const make = (config: EncoderConfig, more: Partial<Omit<Forecast, "_tag" | "config">> = {}): Forecast => ({
  _tag: "CheckpointForecast",
  config,
  guessed: {},
  heads: {},
  trained: [],
  ...more,
})

/** By tag: a forecast may come from another copy of this package. */
export const is = (value: unknown): value is Forecast =>
  typeof value === "object" && value !== null && (value as { _tag?: unknown })._tag === "CheckpointForecast"

/** What is known once adapters are merged into the weights. */
export const merged = (forecast: Forecast): Forecast => {
  const { lora: _, ...config } = forecast.config
  return { ...forecast, config, trained: forecast.trained.filter((group) => !Group.isAdapters(group)) }
}

/** How many blocks the encoder has, where that is known. */
export const blocks = (value: unknown): number | undefined => (is(value) ? value.config.dimensions.blocks : undefined)
