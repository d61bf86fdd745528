/** Heads over a frozen encoder, at a rate that is no other run's. */
import * as LearningRate from "@thaw/models/LearningRate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Corpus from "../corpus.ts"

export const trained = (rate: number, overrides: Corpus.Overrides = {}) =>
  Corpus.trained({ freeze: Freeze.backbone(), learningRate: LearningRate.constant(rate), ...overrides })
