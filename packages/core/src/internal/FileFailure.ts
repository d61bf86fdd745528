/** What the operating system refused, as one clear sentence. */

const reasons: Readonly<Record<string, readonly [got: string, advice: string]>> = {
  ENOSPC: ["a full disk", "Free some space there and run again."],
  EDQUOT: ["a disk quota that is used up", "Free some space there and run again."],
  EFBIG: ["a file larger than this user may write", "Raise the limit (ulimit -f) and run again."],
  EACCES: ["no permission", "Make it readable and writable for this user, or name another folder with THAW_HOME."],
  EPERM: ["no permission", "Make it readable and writable for this user, or name another folder with THAW_HOME."],
  EROFS: ["a file system that is mounted read-only", "Name another folder with THAW_HOME."],
  ENOTDIR: ["a file where a folder should be", "Move that file away, or name another folder with THAW_HOME."],
  EMFILE: ["too many open files", "Raise the limit (ulimit -n) or run fewer steps at once."],
  EIO: ["an input/output error of the disk", "Check the disk."],
  ENOENT: ["no such file", ""],
}

/** The place, the expectation, and what the system said instead. */
export const of = (where: string, expected: string, cause: unknown) => {
  const { code, message } = cause as NodeJS.ErrnoException
  const [got, advice] = reasons[code ?? ""] ?? [`the error ${JSON.stringify(message ?? String(cause))}`, ""]
  return { where, expected, got, advice }
}

export const isCode = (cause: unknown, ...codes: ReadonlyArray<string>): boolean =>
  codes.includes((cause as NodeJS.ErrnoException | null)?.code ?? "")
