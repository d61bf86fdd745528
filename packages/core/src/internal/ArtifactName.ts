/** Names that become paths: checked before anything touches a disk, since manifests may come from other machines. */
import type * as Artifact from "../Artifact.ts"
import { ArtifactBroken } from "../Errors.ts"

// oxlint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u001f\\]/

const fault = (name: string): string | undefined => {
  if (name === "") return "an empty name"
  if (forbidden.test(name)) return "a backslash or control character"
  if (/^[A-Za-z]:/.test(name) || name.startsWith("/")) return "an absolute path"
  for (const part of name.split("/")) {
    if (part === "" || part === "." || part === "..") return `the part ${JSON.stringify(part)}`
  }
  return undefined
}

/** The first name that cannot be a file of an artifact: absolute, leading out of the folder, or a folder of another. */
export const problemOf = (where: string, names: Iterable<string>): ArtifactBroken | undefined => {
  const all = new Set(names)
  const refuse = (name: string, got: string) =>
    new ArtifactBroken({
      where: `${where}, file ${JSON.stringify(name)}`,
      expected: "a relative name with / between folders",
      got,
      advice: "",
    })
  for (const name of all) {
    const wrong = fault(name)
    if (wrong !== undefined) return refuse(name, wrong)
    const parts = name.split("/")
    for (let length = 1; length < parts.length; length++) {
      const parent = parts.slice(0, length).join("/")
      if (all.has(parent)) return refuse(name, `a folder that is also the file ${JSON.stringify(parent)}`)
    }
  }
  return undefined
}

/** Hashes and keys are lower-case SHA-256: 64 hexadecimal digits. */
export const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

export const describe = (reference: Artifact.Reference): string =>
  `artifact ${reference.kind} ${reference.hash.slice(0, 12)}`
