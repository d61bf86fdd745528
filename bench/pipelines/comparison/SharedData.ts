/** Public data sets that lie beside the checkout, if they do: none is part of it. */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { PipelineInvalid } from "@thaw/core/Errors"

const beside = fileURLToPath(new URL("../../../../shared/data", import.meta.url))

/**
 * Absolute paths of files in the folder. Throws `PipelineInvalid` where one is not there.
 *
 * @param folder the one beside the checkout unless given
 */
export const files = <const Names extends ReadonlyArray<string>>(
  names: Names,
  folder = beside,
): { readonly [K in keyof Names]: string } => {
  const paths = names.map((name) => `${folder}/${name}`)
  const missing = names.find((_, at) => !existsSync(paths[at]!))
  if (missing !== undefined) {
    throw new PipelineInvalid({
      where: folder,
      expected: `the data sets ${[...new Set(names.map((name) => name.split("/")[0]))].join(" and ")}`,
      got: `no ${missing}`,
      advice: "They are not part of Thaw: put ../shared/data beside the checkout.",
    })
  }
  return paths as unknown as { readonly [K in keyof Names]: string }
}
