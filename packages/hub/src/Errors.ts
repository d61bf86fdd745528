/** Everything that can go wrong between a hub and its cache, as data with one computed sentence. */
import * as Problem from "@thaw/core/Problem"
import { Schema } from "effect"

/** What the address names is not there, or not for this account. */
export class HubMissing extends Schema.TaggedError<HubMissing>()("HubMissing", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The hub gave no answer after every attempt, or may not be asked. */
export class HubUnreachable extends Schema.TaggedError<HubUnreachable>()("HubUnreachable", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The hub's answer is not to be believed: another checksum or size, a path that leaves its folder, no valid JSON. */
export class HubBroken extends Schema.TaggedError<HubBroken>()("HubBroken", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The hub does not take what is uploaded, or not from this account. */
export class HubRefused extends Schema.TaggedError<HubRefused>()("HubRefused", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The cache on disk cannot be read or written. */
export class CacheUnusable extends Schema.TaggedError<CacheUnusable>()("CacheUnusable", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

export type HubError = HubMissing | HubUnreachable | HubBroken | CacheUnusable
