/** Where a hub wants large files put: git-lfs' batch API, with files in parts as the hub's own "multipart" transfer has them. */
import { Option, Schema } from "effect"
import * as Address from "./Address.ts"
import { HubBroken } from "./Errors.ts"
import type { Settings } from "./Hub.ts"
import * as Requests from "./Requests.ts"

const Asked = Schema.fromJsonString(
  Schema.Struct({ objects: Schema.Array(Schema.Struct({ oid: Schema.String, size: Schema.Finite })) }),
)

const Answer = Schema.fromJsonString(
  Schema.Struct({
    transfer: Schema.optionalKey(Schema.NullOr(Schema.Literals(["basic", "multipart"]))),
    objects: Schema.Array(
      Schema.Struct({
        oid: Schema.String,
        error: Schema.optionalKey(Schema.NullOr(Schema.Struct({ code: Schema.Int, message: Schema.String }))),
        actions: Schema.optionalKey(
          Schema.NullOr(
            Schema.Struct({
              upload: Schema.optionalKey(
                Schema.NullOr(
                  Schema.Struct({
                    href: Schema.String,
                    header: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))),
                  }),
                ),
              ),
            }),
          ),
        ),
      }),
    ),
  }),
)

/** Throws what is wrong with the answer to a question for places. */
export const judge = (settings: Settings, at: Address.Repository, request: Requests.Request, body: Buffer): void => {
  const asked = Schema.decodeUnknownSync(Asked)(request.body)
  const answer = Option.getOrUndefined(Schema.decodeUnknownOption(Answer)(body.toString()))
  const broken = (got: string) =>
    new HubBroken(Address.problem(at, "places for the large files that were asked for", got))
  if (answer === undefined) throw broken("an answer in another form")
  const sizes = new Map(asked.objects.map(({ oid, size }) => [oid, size]))
  for (const { oid, error, actions } of answer.objects) {
    const size = sizes.get(oid)
    if (size === undefined) throw broken("one for another")
    if (error !== undefined && error !== null) {
      const said = Requests.told(settings, error.message)
      throw new Requests.Refused({ status: error.code, code: undefined, said })
    }
    const header = actions?.upload?.header ?? {}
    if (header["chunk_size"] === undefined) continue
    const parts = Object.keys(header).filter((name) => /^\d+$/.test(name))
    const numbered = parts.every((name, index) => Number(name) === index + 1)
    if (!numbered || parts.length !== Math.ceil(size / Number(header["chunk_size"]))) {
      throw broken(`${parts.length} parts of ${header["chunk_size"]} bytes for ${size} bytes`)
    }
  }
}
