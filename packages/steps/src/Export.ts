/** What a run hands over: folders that can be used without the pipeline that made them. */
import * as Step from "@thaw/core/Step"
import * as Adapters from "@thaw/models/Adapters"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Forecast from "@thaw/models/Forecast"
import * as Peft from "@thaw/models/Peft"
import { Effect, Schema } from "effect"

/**
 * The checkpoint as a folder to answer from: config, tokenizer, weights and heads, without the optimizer's moments and
 * without the hashes of the texts it was trained on, which would tell whether a text is among them. Low-rank adapters are merged into the weights. `thaw predict <folder> --text "…"` reads it.
 */
export const checkpoint = Step.make({
  name: "Export.checkpoint",
  version: "2",
  input: { trained: Checkpoint.Checkpoint },
  output: Checkpoint.Checkpoint,
  forecast: ({ inputs: { trained } }) => (Forecast.is(trained) ? Forecast.merged(trained) : undefined),
  // The counts belong to the moments: whoever trains on starts both anew.
  run: ({ trained }) =>
    Effect.map(Adapters.merged({ ...trained, moments: undefined }), (merged) => ({
      ...merged,
      texts: undefined,
      training: { ...merged.training, updates: {} },
    })),
})

/**
 * Low-rank adapters and heads as a folder of PEFT's, to be laid over the encoder that training started with. `task` names
 * the head that upstream's model has; it is needed where there are several and PEFT is to load one.
 */
export const lora = Step.make({
  name: "Export.lora",
  version: "1",
  input: { trained: Checkpoint.Checkpoint, task: Schema.optionalKey(Schema.String) },
  output: Peft.Peft,
  run: ({ trained, task }) => Peft.of(trained, task),
})
