import { createTheme, type MantineColorsTuple } from '@mantine/core'

/** From paper to ink; shade 8 on white has a contrast of 9:1, so that it reads in the sun. */
const steel: MantineColorsTuple = [
  '#eef5fa', '#d9e8f1', '#b1d0e3', '#85b6d5', '#5c9cc4', '#367fab', '#1f6690', '#155578', '#0f4a6b', '#0d2b3e',
]

const signal: MantineColorsTuple = [
  '#fff0ef', '#ffdcd9', '#fbb4ae', '#f58a81', '#ea5f55', '#d93a30', '#bb2018', '#a3150f', '#8c0f0a', '#5f0805',
]

/** One face for gloves and sun: 56 px for what is pressed in the day's work, plain ink on white. */
export const theme = createTheme({
  primaryColor: 'steel',
  primaryShade: 8,
  colors: { steel, signal },
  defaultRadius: 'md',
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  fontSizes: { xs: '14px', sm: '16px', md: '17px', lg: '20px', xl: '24px' },
  components: {
    Button: { defaultProps: { size: 'lg' } },
    Loader: { defaultProps: { role: 'status' } },
    ActionIcon: { defaultProps: { size: 56, variant: 'default' } },
    TextInput: { defaultProps: { size: 'lg' } },
    PasswordInput: { defaultProps: { size: 'lg' } },
    NativeSelect: { defaultProps: { size: 'lg' } },
    Textarea: { defaultProps: { size: 'lg', minRows: 3, autosize: false } },
    Modal: { defaultProps: { lockScroll: false, centered: true, transitionProps: { duration: 0 } } },
  },
})
