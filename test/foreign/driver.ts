import { send } from '../requests/client.js';
import type { Whoami } from '../requests/controllers.js';
import type { Adapter } from '../support/app.js';
import type { Denial, Driver } from '../transports/drivers/driver.js';
import { PlacesController } from '../transports/drivers/http.js';
import { BASE, foreignApp } from './app.js';

/** An app that wraps, caches, strips and catches everything; what it wraps is taken out again here. */
export const foreign = (adapter: Adapter): Driver => ({
  name: `${adapter} in a foreign app`,
  setup: () => ({ ...foreignApp(adapter), controllers: [PlacesController] }),
  async ask(t, place, headers) {
    const { json } = await send(`${t.url}/${BASE}/${place}`, { headers });
    return (json.data ?? json.error) as Whoami | Denial;
  },
});
