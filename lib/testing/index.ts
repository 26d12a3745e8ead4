export { actingAs, type ActingAs, type ActingAsOptions, type ApplicationUnderTest } from './acting-as.js';
export { travel, travelBack, travelTo } from './travel.js';
