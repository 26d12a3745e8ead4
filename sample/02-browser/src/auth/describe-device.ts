/** The first that fits counts: Edge also says Chrome, Chrome also says Safari, and Android also says Linux. */
const BROWSERS = { 'Edg/': 'Edge', 'Firefox/': 'Firefox', 'Chrome/': 'Chrome', 'Safari/': 'Safari', curl: 'curl' };
const SYSTEMS = {
  Android: 'Android',
  iPhone: 'iPhone',
  iPad: 'iPad',
  Windows: 'Windows',
  'Mac OS': 'Mac',
  Linux: 'Linux',
};

/** What a session remembers of its device: a name a user recognises. A client can claim to be anything. */
export function describeDevice(userAgent = ''): { name: string; isPhone: boolean } {
  const browser = firstOf(BROWSERS, userAgent) ?? 'Unknown browser';
  const system = firstOf(SYSTEMS, userAgent);
  return { name: system ? `${browser} on ${system}` : browser, isPhone: /Android|iPhone/.test(userAgent) };
}

function firstOf(names: Record<string, string>, userAgent: string): string | undefined {
  return Object.entries(names).find(([sign]) => userAgent.includes(sign))?.[1];
}
