/** Something to change. */
export interface Finding {
  /** The option, column or index at fault. */
  subject: string;
  /** What is wrong with it. */
  problem: string;
  /** What to do. */
  remedy: string;
  /** The requirement it goes against, where there is one. */
  source?: string;
}
