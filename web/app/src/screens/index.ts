import {
  IconBuilding,
  IconChartBar,
  IconCloudOff,
  IconFileText,
  IconHelmet,
  IconMapPin,
  IconSettings,
  IconSun,
  IconUpload,
} from '@tabler/icons-react'
import { lazy } from 'react'

const ALL = [
  { path: '/', name: 'today', icon: IconSun, minor: false, load: () => import('./Today') },
  { path: '/model', name: 'model', icon: IconBuilding, minor: false, load: () => import('./Model') },
  { path: '/progress', name: 'progress', icon: IconChartBar, minor: true, load: () => import('./Progress') },
  { path: '/issues', name: 'issues', icon: IconMapPin, minor: false, load: () => import('./Issues') },
  { path: '/safety', name: 'safety', icon: IconHelmet, minor: false, load: () => import('./Safety') },
  { path: '/reports', name: 'reports', icon: IconFileText, minor: true, load: () => import('./Reports') },
  { path: '/uploads', name: 'uploads', icon: IconUpload, minor: true, load: () => import('./Uploads') },
  { path: '/offline', name: 'offline', icon: IconCloudOff, minor: true, load: () => import('./Offline') },
  { path: '/settings', name: 'settings', icon: IconSettings, minor: true, load: () => import('./Settings') },
] as const

/** Every screen: its address, its word, its picture; fetched when it is first opened. */
export const SCREENS = ALL.map((each) => ({ ...each, screen: lazy(each.load) }))

export const Calibrate = lazy(() => import('./Calibrate'))
export const Cockpit = lazy(() => import('./Cockpit'))
export const SignIn = lazy(() => import('./SignIn'))
