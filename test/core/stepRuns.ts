/** Step runs as a pipeline would leave them. */
import * as ContentKey from "@thaw/core/ContentKey"

export const ingredients = (step: string, words: number): ContentKey.Ingredients => ({
  step,
  version: "1",
  parameters: { words, nested: { list: [1, "two", null] } },
  inputs: { examples: "ab".repeat(32) },
  sources: {},
  seeds: { seed: { value: 7, path: [step] } },
  environment: { onnxruntime: "1.30.0" },
})

export const stepRun = (step: string, words: number) => ({
  step,
  key: ContentKey.keyOf(ingredients(step, words)),
  ingredients: ingredients(step, words),
  outputs: { value: { kind: "json/words", hash: "cd".repeat(32) } },
  cached: false,
  seconds: 0.25,
})
