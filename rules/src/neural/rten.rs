//! The embedded engine: RTen, pure Rust, always there.

use std::cell::RefCell;
use std::sync::Arc;

use ::rten::{Model, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensorView, Tensor as RtenTensor, TensorView};

use super::engine::{Data, Feed, Session, Tensor};

/// The version in Cargo.toml, where it is pinned.
const ENGINE: &str = "rten 0.27.0";

thread_local! {
    // One thread a call: rows are spread over threads by their chunks, never inside one, so
    // that the thread count reaches no sum. Each calling thread keeps its own. A call costs one
    // hand-over to that thread and one back: RTen runs every graph by `install` in its pool, and
    // its `ThreadPool` cannot be made of the thread that calls.
    static POOL: RefCell<Option<Arc<ThreadPool>>> = const { RefCell::new(None) };
}

fn pool() -> Arc<ThreadPool> {
    POOL.with_borrow_mut(|pool| {
        Arc::clone(pool.get_or_insert_with(|| Arc::new(ThreadPool::with_num_threads(1))))
    })
}

/// Runs `work` on the thread that this one's calls are handed over to: inside it none is.
pub fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let own = pool();
    own.run(|| {
        POOL.with_borrow_mut(|pool| *pool = Some(Arc::clone(&own)));
        work()
    })
}

struct Embedded {
    model: Model,
}

/// RTen has neither `int64` nor `bool`: it reads models as if both were `int32`.
fn value<'a>(feed: &Feed<'a>) -> Result<ValueOrView<'a>, String> {
    let shape = feed.shape;
    let whole = |numbers: Vec<i32>| RtenTensor::from_data(shape, numbers).into();
    Ok(match (feed.data, shape) {
        (Data::Floats(data), &[rows, width]) => NdTensorView::from_data([rows, width], data).into(),
        (Data::Floats(data), _) => TensorView::from_data(shape, data).into(),
        (Data::Bools(data), _) => whole(data.iter().map(|&is| i32::from(is)).collect()),
        (Data::Ints(data), _) => {
            let narrow = data.iter().map(|&value| i32::try_from(value));
            let narrow = narrow.collect::<Result<_, _>>();
            whole(narrow.map_err(|_| format!("`{}` holds a number above 2^31", feed.name))?)
        }
    })
}

/// Opens a model.
///
/// # Errors
/// The engine's own words.
pub fn open(model: &[u8]) -> Result<Box<dyn Session>, String> {
    let model = Model::load(model.to_vec()).map_err(|error| error.to_string())?;
    Ok(Box::new(Embedded { model }))
}

impl Session for Embedded {
    fn run(&self, feeds: &[Feed<'_>], outputs: &[String]) -> Result<Vec<Tensor>, String> {
        let text = |error: ::rten::RunError| error.to_string();
        let mut inputs: Vec<(::rten::NodeId, ValueOrView<'_>)> = Vec::with_capacity(feeds.len());
        for feed in feeds {
            let id = self.model.node_id(feed.name).map_err(text)?;
            inputs.push((id, value(feed)?));
        }
        let ids = outputs.iter().map(|name| self.model.node_id(name));
        let ids = ids.collect::<Result<Vec<_>, _>>().map_err(text)?;
        let options = RunOptions::default().with_thread_pool(Some(pool()));
        let values = self.model.run(inputs, &ids, Some(options)).map_err(text)?;
        let tensor = |(value, name): (Value, &String)| match value {
            Value::FloatTensor(tensor) => Ok(Tensor {
                shape: tensor.shape().to_vec(),
                data: tensor.into_data(),
            }),
            _ => Err(format!("output `{name}` is not float32")),
        };
        values.into_iter().zip(outputs).map(tensor).collect()
    }

    fn engine(&self) -> String {
        ENGINE.to_owned()
    }
}
