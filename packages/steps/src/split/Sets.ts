/** Sets of strings, each held once and known by a number: millions of texts carry few different sets of labels. */
export class Sets {
  private readonly numbers = new Map<string, number>([["", 0]])
  private readonly members: Array<ReadonlyArray<string>> = [[]]
  private readonly unions = new Map<number, number>()

  /** Number 0 is the empty set. */
  of(strings: Iterable<string>): number {
    const sorted = [...new Set(strings)].sort()
    const name = sorted.join()
    const known = this.numbers.get(name)
    if (known !== undefined) return known
    this.members.push(sorted)
    this.numbers.set(name, this.members.length - 1)
    return this.members.length - 1
  }

  get(number: number): ReadonlyArray<string> {
    return this.members[number]!
  }

  union(a: number, b: number): number {
    if (a === b || b === 0) return a
    // Exact below 2²⁶ different sets.
    const pair = a * 2 ** 26 + b
    const known = this.unions.get(pair) ?? this.of([...this.get(a), ...this.get(b)])
    this.unions.set(pair, known)
    return known
  }
}
