//! CUDA: a device, its memory and its launches.
//!
//! A build needs no toolkit, and the program no library to start: the driver is looked for when a
//! [`Device`] is asked for. Each kernel's device side stands beside its CPU side, `x/cuda.cu` beside
//! `x/cpu.rs`; all are shipped as one text of PTX, `cuda/kernels.ptx`, which the driver translates
//! for the device at hand.
//!
//! Device code adds in the order in which the CPU adds, multiplies without fusing, and calls no
//! function that rounds otherwise: so its results are the CPU's, bit for bit, and one may take the
//! other's place in the middle of a run.

pub(crate) mod scan;

use std::{
    collections::BTreeMap, ffi::c_void, marker::PhantomData, panic::catch_unwind, sync::Arc,
};

use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DevicePtr, DeviceRepr, DriverError,
    ValidAsZeroBits, result, sys,
};
use cudarc::nvrtc::Ptx;

use crate::Real;

/// All kernels. `cuda/make_ptx.py` makes it of the `.cu` files, and a test sees that it is not old.
const PTX: &str = include_str!("cuda/kernels.ptx");

/// What can go wrong with a device.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// No driver.
    #[error(
        "there is no CUDA driver on this machine (libcuda.so.1)\n  \
         install NVIDIA's driver, or compute on the CPU"
    )]
    NoDriver,
    /// No device.
    #[error(
        "the CUDA driver finds no device ({reason})\n  \
         see what `nvidia-smi` lists and CUDA_VISIBLE_DEVICES holds, or compute on the CPU"
    )]
    NoDevice {
        /// What the driver said.
        reason: String,
    },
    /// The driver cannot read our kernels.
    #[error(
        "the CUDA driver, of version {found}, is older than the kernels, which want {wanted} or \
         later\n  update NVIDIA's driver, or compute on the CPU"
    )]
    OldDriver {
        /// Its version.
        found: String,
        /// The lowest that will do.
        wanted: &'static str,
    },
    /// Not enough memory.
    #[error(
        "the device has {free} bytes of memory left, and {needed} are needed\n  \
         take a smaller tissue, another device, or compute on the CPU"
    )]
    Memory {
        /// Bytes that were asked for.
        needed: usize,
        /// Bytes that were free.
        free: usize,
    },
    /// A kernel was not started, or broke.
    #[error("kernel `{kernel}` failed on the device: {reason}")]
    Launch {
        /// Which.
        kernel: String,
        /// What the driver said.
        reason: String,
    },
    /// Anything else, among it a device that has gone.
    #[error("the device failed: {reason}")]
    Lost {
        /// What the driver said.
        reason: String,
    },
    /// There is no device side of it.
    #[error("{what} cannot be computed with CUDA\n  compute on the CPU")]
    Unsupported {
        /// Of what.
        what: &'static str,
    },
}

/// The lowest version of the driver interface that reads [`PTX`], and its name.
const DRIVER: (i32, &str) = (12_000, "12.0");

/// A device with all kernels loaded. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Device {
    stream: Arc<CudaStream>,
    /// By name.
    kernels: Arc<BTreeMap<&'static str, CudaFunction>>,
}

/// Numbers in a device's memory.
#[derive(Debug)]
pub struct Buffer<T> {
    slice: CudaSlice<T>,
}

/// Blocks of a launch and threads of a block, along x and y.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many blocks.
    pub blocks: [usize; 2],
    /// How many threads in each.
    pub threads: [usize; 2],
}

/// THREADS of `common.cu`.
const THREADS: usize = 256;

/// One thread for each of so many rows, voxels or bins.
pub(crate) fn each(count: usize) -> Shape {
    Shape {
        blocks: [count.div_ceil(THREADS), 1],
        threads: [THREADS, 1],
    }
}

impl Device {
    /// The device with this number, from 0 on.
    ///
    /// # Errors
    /// Why there is none.
    pub fn new(number: usize) -> Result<Device, Error> {
        // Names that an old driver lacks end in a panic.
        match catch_unwind(|| Device::open(number)) {
            Ok(device) => device,
            Err(_) => Err(Error::OldDriver {
                found: "unknown".into(),
                wanted: DRIVER.1,
            }),
        }
    }

    fn open(number: usize) -> Result<Device, Error> {
        // SAFETY: it loads the driver's library, which is made for that.
        if !unsafe { sys::is_culib_present() } {
            return Err(Error::NoDriver);
        }
        let none = |error: DriverError| Error::NoDevice {
            reason: reason(error),
        };
        let count = CudaContext::device_count().map_err(none)?;
        if number >= count.max(0) as usize {
            return Err(Error::NoDevice {
                reason: format!("{count} are there, and number {number} was asked for"),
            });
        }
        let version = driver_version().map_err(none)?;
        if version < DRIVER.0 {
            return Err(Error::OldDriver {
                found: format!("{}.{}", version / 1000, version % 1000 / 10),
                wanted: DRIVER.1,
            });
        }
        let context = CudaContext::new(number).map_err(none)?;
        // SAFETY: all there is happens in one stream, in its order.
        unsafe { context.disable_event_tracking() };
        let module = context.load_module(Ptx::from_src(PTX)).map_err(lost)?;
        let kernels = names().map(|name| Ok((name, module.load_function(name)?)));
        let kernels: Result<_, DriverError> = kernels.collect();
        Ok(Device {
            kernels: Arc::new(kernels.map_err(lost)?),
            stream: context.default_stream(),
        })
    }

    /// What it calls itself.
    ///
    /// # Errors
    /// What the driver says.
    pub fn name(&self) -> Result<String, Error> {
        self.stream.context().name().map_err(lost)
    }

    /// Bytes of its memory, free and in all.
    ///
    /// # Errors
    /// What the driver says.
    pub fn memory(&self) -> Result<(usize, usize), Error> {
        self.stream.context().mem_get_info().map_err(lost)
    }

    /// Room for numbers, all zero.
    ///
    /// # Errors
    /// [`Error::Memory`], or what the driver says.
    pub fn zeros<T: DeviceRepr + ValidAsZeroBits>(&self, len: usize) -> Result<Buffer<T>, Error> {
        // A buffer of nothing has no address.
        let slice = self.stream.alloc_zeros(len.max(1));
        let slice = slice.map_err(|error| self.full(error, len * size_of::<T>()))?;
        Ok(Buffer { slice })
    }

    /// Copies numbers to the device.
    ///
    /// # Errors
    /// [`Error::Memory`], or what the driver says.
    pub fn upload<T: DeviceRepr + ValidAsZeroBits>(
        &self,
        numbers: &[T],
    ) -> Result<Buffer<T>, Error> {
        let mut buffer = self.zeros(numbers.len())?;
        self.write(&mut buffer, numbers)?;
        Ok(buffer)
    }

    /// Overwrites the first numbers of a buffer.
    ///
    /// # Errors
    /// What the driver says.
    ///
    /// # Panics
    /// If the buffer is shorter.
    pub fn write<T: DeviceRepr>(&self, buffer: &mut Buffer<T>, numbers: &[T]) -> Result<(), Error> {
        self.stream
            .memcpy_htod(numbers, &mut buffer.slice)
            .map_err(lost)
    }

    /// Makes all numbers zero.
    ///
    /// # Errors
    /// What the driver says.
    pub fn clear<T: DeviceRepr + ValidAsZeroBits>(
        &self,
        buffer: &mut Buffer<T>,
    ) -> Result<(), Error> {
        self.stream.memset_zeros(&mut buffer.slice).map_err(lost)
    }

    /// Copies the first numbers of a buffer back, when all launches before have come to their end.
    ///
    /// # Errors
    /// What the driver says, also of a launch that broke.
    ///
    /// # Panics
    /// If the buffer is shorter.
    pub fn read<T: DeviceRepr>(&self, buffer: &Buffer<T>, numbers: &mut [T]) -> Result<(), Error> {
        let view = buffer.slice.slice(..numbers.len());
        self.stream.memcpy_dtoh(&view, numbers).map_err(lost)?;
        self.synchronize()
    }

    /// Waits until all launches have come to their end.
    ///
    /// # Errors
    /// What the driver says, also of a launch that broke.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.stream.synchronize().map_err(lost)
    }

    /// Copies as many numbers as there are in `to`.
    ///
    /// # Errors
    /// What the driver says.
    ///
    /// # Panics
    /// If there are fewer in `from`.
    pub fn copy<T>(&self, from: &Buffer<T>, to: &mut Buffer<T>) -> Result<(), Error> {
        let view = from.slice.slice(..to.len());
        self.stream.memcpy_dtod(&view, &mut to.slice).map_err(lost)
    }

    /// Begins a launch. The kernel's parameters follow in their order.
    pub(crate) fn kernel<'a>(&'a self, name: &'static str, shape: Shape) -> Kernel<'a> {
        Kernel {
            device: self,
            name,
            shape,
            parameters: Vec::new(),
            borrows: PhantomData,
        }
    }

    fn full(&self, error: DriverError, needed: usize) -> Error {
        match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Error::Memory {
                needed,
                free: self.memory().map_or(0, |(free, _)| free),
            },
            _ => lost(error),
        }
    }
}

impl<T> Buffer<T> {
    /// Numbers in it.
    pub fn len(&self) -> usize {
        self.slice.len()
    }

    /// Never: a buffer has room for one number at least.
    pub fn is_empty(&self) -> bool {
        self.slice.is_empty()
    }
}

/// A launch in the making.
#[derive(Debug)]
pub(crate) struct Kernel<'a> {
    device: &'a Device,
    name: &'static str,
    shape: Shape,
    /// A pointer or a number each, in its first bytes.
    parameters: Vec<[u8; 8]>,
    borrows: PhantomData<&'a ()>,
}

impl<'a> Kernel<'a> {
    /// A buffer that the kernel reads.
    #[must_use]
    pub fn reads<T>(self, buffer: &'a Buffer<T>) -> Kernel<'a> {
        let (address, _) = buffer.slice.device_ptr(&self.device.stream);
        self.parameter(address.to_ne_bytes())
    }

    /// A buffer that the kernel may write.
    #[must_use]
    pub fn writes<T>(self, buffer: &'a mut Buffer<T>) -> Kernel<'a> {
        self.reads(buffer)
    }

    /// Whole numbers.
    #[must_use]
    pub fn numbers(mut self, numbers: &[i32]) -> Kernel<'a> {
        for number in numbers {
            let [a, b, c, d] = number.to_ne_bytes();
            self.parameters.push([a, b, c, d, 0, 0, 0, 0]);
        }
        self
    }

    /// A number.
    #[must_use]
    pub fn real(self, number: Real) -> Kernel<'a> {
        self.parameter(number.to_ne_bytes())
    }

    /// 64 bits.
    #[must_use]
    pub fn bits(self, bits: u64) -> Kernel<'a> {
        self.parameter(bits.to_ne_bytes())
    }

    fn parameter(mut self, bytes: [u8; 8]) -> Kernel<'a> {
        self.parameters.push(bytes);
        self
    }

    /// Hands the launch to the device, which comes to it in its turn. Of nothing there is none.
    ///
    /// # Errors
    /// [`Error::Launch`] if it was not taken. What happens later shows in [`Device::read`].
    pub fn launch(mut self) -> Result<(), Error> {
        let Shape { blocks, threads } = self.shape;
        if blocks.contains(&0) {
            return Ok(());
        }
        let failed = |error: DriverError| Error::Launch {
            kernel: self.name.into(),
            reason: reason(error),
        };
        let Device { stream, kernels } = self.device;
        stream.context().bind_to_thread().map_err(failed)?;
        let function = kernels[self.name].cu_function();
        let addresses = self.parameters.iter_mut();
        let mut addresses: Vec<*mut c_void> = addresses.map(|it| it.as_mut_ptr().cast()).collect();
        let along = |counts: [usize; 2]| (counts[0] as u32, counts[1] as u32, 1);
        // SAFETY: who names a kernel gives it the parameters its text asks for, and buffers as long
        // as its text says; they are borrowed until the launch is in the stream, and a buffer is
        // freed in the order of the stream.
        let launched = unsafe {
            let (grid, block) = (along(blocks), along(threads));
            result::launch_kernel(function, grid, block, 0, stream.cu_stream(), &mut addresses)
        };
        launched.map_err(failed)
    }
}

/// `Ok` if device code can count so many with its whole numbers, `each` of them for one.
pub(crate) fn countable(what: &'static str, count: usize, each: usize) -> Result<(), Error> {
    match count.saturating_mul(each) <= i32::MAX as usize {
        true => Ok(()),
        false => Err(Error::Unsupported { what }),
    }
}

/// Of all kernels in [`PTX`].
fn names() -> impl Iterator<Item = &'static str> {
    let entries = PTX.split(".visible .entry ").skip(1);
    entries.filter_map(|entry| entry.split('(').next())
}

fn driver_version() -> Result<i32, DriverError> {
    let mut version = 0;
    // SAFETY: it writes one number.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result()?;
    Ok(version)
}

fn lost(error: DriverError) -> Error {
    Error::Lost {
        reason: reason(error),
    }
}

/// The driver's own words.
fn reason(error: DriverError) -> String {
    match (error.error_name(), error.error_string()) {
        (Ok(name), Ok(text)) => {
            format!("{}, {}", text.to_string_lossy(), name.to_string_lossy())
        }
        _ => format!("{:?}", error.0),
    }
}
