export function quantile(values, share) {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

export const median = (values) => quantile(values, 0.5);

export function shuffled(values) {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ value }) => value);
}

/**
 * How far apart two names of one and the same thing are: what a ratio must exceed to mean anything. The larger of how
 * far the ratio of their medians is from 1, and half the interquartile range of the ratios round by round.
 */
export function spread(one, other) {
  const paired = one.map((value, round) => value / other[round]);
  const ofMedians = Math.abs(median(one) / median(other) - 1);
  return Math.max(ofMedians, (quantile(paired, 0.75) - quantile(paired, 0.25)) / 2);
}
