/** Everything that can go wrong in models, as data with one computed sentence. */
import * as Problem from "@thaw/core/Problem"
import { Schema } from "effect"

/** A config, a weight file or a folder does not describe an encoder that can be built. */
export class EncoderInvalid extends Schema.TaggedError<EncoderInvalid>()("EncoderInvalid", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** A file of PyTorch's is damaged, or holds what is not read. */
export class TorchFileBroken extends Schema.TaggedError<TorchFileBroken>()("TorchFileBroken", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** A tokenizer file cannot be understood, or texts do not suffice to train one. */
export class TokenizerInvalid extends Schema.TaggedError<TokenizerInvalid>()("TokenizerInvalid", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** What is asked of a checkpoint's heads or groups does not fit the checkpoint. */
export class TrainingInvalid extends Schema.TaggedError<TrainingInvalid>()("TrainingInvalid", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}
