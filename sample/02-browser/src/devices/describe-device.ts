/** What a session remembers of the device it was begun on. */
export interface Device {
  name: string;
  isPhone: boolean;
}

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

/** A name a user recognises; a client can claim to be anything. */
export function describeDevice(userAgent = ''): Device {
  const browser = firstOf(BROWSERS, userAgent) ?? 'Unknown browser';
  const system = firstOf(SYSTEMS, userAgent);
  return { name: system ? `${browser} on ${system}` : browser, isPhone: /Android|iPhone/.test(userAgent) };
}

function firstOf(names: Record<string, string>, userAgent: string): string | undefined {
  return Object.entries(names).find(([sign]) => userAgent.includes(sign))?.[1];
}
