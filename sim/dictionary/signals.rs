//! Signals: what a cell senses.

use rules::{Entry, Unit, dictionary::ANY};

use super::{Builder, Signal, Watch, unit};
use crate::{output::Vitality, scenario::Action};

impl Builder<'_> {
    fn signal(&mut self, signal: Signal, name: String, synonyms: &[String], unit: Unit) {
        let entry = Entry {
            name,
            synonyms: synonyms.to_vec(),
            unit,
            is_event_rate: false,
            range: ANY,
        };
        if self.is_free("signal", &entry) {
            self.table.vocabulary.signals.add(entry);
            self.table.signals.push(signal);
        }
    }

    fn watch(&mut self, cell_type: Option<usize>, vitalities: &[Vitality]) -> usize {
        let watch = Watch {
            cell_type,
            vitalities: vitalities.to_vec(),
        };
        self.table.watches.push(watch);
        self.table.watches.len() - 1
    }

    pub(super) fn signals(&mut self) {
        let scenario = self.scenario;
        for (number, substrate) in scenario.substrates.iter().enumerate() {
            let name = &substrate.name;
            let slope = substrate.unit.per(&unit("µm"));
            // What is dosed as a substrate is a drug too, whose concentration is local.
            let is_dosed = |action: &Action| matches!(action, Action::Substrate { substrate, .. } if *substrate == number);
            let mut interventions = scenario.interventions.iter();
            let synonyms = match interventions.any(|it| is_dosed(&it.action)) {
                true => vec![format!("drug:{name}"), format!("drug: {name}")],
                false => Vec::new(),
            };
            self.signal(
                Signal::Density(number),
                name.clone(),
                &synonyms,
                substrate.unit.clone(),
            );
            self.signal(
                Signal::GradientNorm(number),
                format!("{name} gradient"),
                &[format!("gradient of {name}"), format!("grad({name})")],
                slope.clone(),
            );
            for (axis, letter) in ["x", "y", "z"].into_iter().enumerate() {
                let name = format!("{name} gradient {letter}");
                self.signal(Signal::Gradient(number, axis), name, &[], slope.clone());
            }
        }
        for (number, substrate) in scenario.substrates.iter().enumerate() {
            let name = &substrate.name;
            self.signal(
                Signal::Internalized(number),
                format!("intracellular {name}"),
                &[format!("internalized {name}")],
                substrate.unit.clone(),
            );
        }
        self.signal(Signal::Pressure, "pressure".into(), &[], Unit::one());
        self.signal(
            Signal::Volume,
            "volume".into(),
            &["total volume".into()],
            unit("µm^3"),
        );
        for (number, cell_type) in scenario.cell_types.iter().enumerate() {
            let name = &cell_type.name;
            let all = self.watch(Some(number), &Vitality::ALL);
            self.signal(
                Signal::Contact(all),
                format!("contact with {name}"),
                &self.numbered(&["contact with"], number),
                Unit::one(),
            );
            let live = self.watch(Some(number), &[Vitality::Live]);
            self.signal(
                Signal::Contact(live),
                format!("contact with live {name}"),
                &[],
                Unit::one(),
            );
            let time = format!("contact time with {name}");
            let synonym = format!("time in contact with {name}");
            self.signal(Signal::ContactTime(live), time, &[synonym], unit("min"));
        }
        let kinds: [(&str, &[Vitality]); 5] = [
            ("live", &[Vitality::Live]),
            ("dead", &[Vitality::Apoptotic, Vitality::Necrotic]),
            ("apoptotic", &[Vitality::Apoptotic]),
            ("necrotic", &[Vitality::Necrotic]),
            // Nothing dies in another way yet.
            ("other dead", &[]),
        ];
        for (word, vitalities) in kinds {
            let watch = self.watch(None, vitalities);
            let plural = [format!("contact with {word} cells")];
            self.signal(
                Signal::Contact(watch),
                format!("contact with {word} cell"),
                &plural,
                Unit::one(),
            );
        }
        // A type may be called so.
        let membrane: Vec<String> = ["contact with BM".to_owned()]
            .into_iter()
            .filter(|_| scenario.cell_type("BM").is_none())
            .collect();
        self.signal(
            Signal::BasementMembrane,
            "contact with basement membrane".into(),
            &membrane,
            Unit::one(),
        );
        let damage = ["total damage delivered".to_owned()];
        self.signal(Signal::Damage, "damage".into(), &[], Unit::one());
        self.signal(
            Signal::DamageDelivered,
            "damage delivered".into(),
            &damage,
            Unit::one(),
        );
        self.signal(
            Signal::Attacking,
            "attacking".into(),
            &["is attacking".into()],
            Unit::one(),
        );
        self.signal(
            Signal::AttackedTime,
            "total attack time".into(),
            &[],
            unit("min"),
        );
        self.signal(
            Signal::Dead,
            "dead".into(),
            &["is dead".into()],
            Unit::one(),
        );
        for vitality in [Vitality::Apoptotic, Vitality::Necrotic] {
            let name = vitality.name();
            self.signal(
                Signal::Is(vitality),
                name.into(),
                &[format!("is {name}")],
                Unit::one(),
            );
        }
        let time = ["current time".to_owned(), "global time".to_owned()];
        self.signal(Signal::Time, "time".into(), &time, unit("min"));
        self.signal(
            Signal::TimeInPhase,
            "time in phase".into(),
            &[],
            unit("min"),
        );
        for (number, drug) in scenario.drugs.iter().enumerate() {
            self.signal(
                Signal::Drug(number),
                format!("drug:{}", drug.name),
                &[format!("drug: {}", drug.name)],
                drug.unit.clone(),
            );
        }
        for (number, intervention) in scenario.interventions.iter().enumerate() {
            let name = &intervention.name;
            self.signal(
                Signal::TimeSince(number),
                format!("time since {name}"),
                &[],
                unit("min"),
            );
            self.signal(
                Signal::Doses(number),
                format!("doses of {name}"),
                &[],
                Unit::one(),
            );
        }
        self.signal(Signal::Age, "age".into(), &[], unit("min"));
        for (number, (name, places, unit)) in self.customs().into_iter().enumerate() {
            self.signal(
                Signal::Custom(places),
                format!("custom:{name}"),
                &self.custom_synonyms(number, &name),
                unit,
            );
        }
        self.latent_signals();
    }

    /// Components of latent vectors, and what models record.
    fn latent_signals(&mut self) {
        let latents = self.latents;
        for (name, places) in latents.components() {
            self.signal(Signal::Latent(places), name, &[], Unit::one());
        }
        for record in &latents.recorded {
            // A model may write any text there; what is no unit is a label.
            let unit = Unit::parse(&record.unit).unwrap_or_else(|_| Unit::one());
            let places = record.places.clone();
            self.signal(Signal::Recorded(places), record.name.clone(), &[], unit);
        }
    }
}
