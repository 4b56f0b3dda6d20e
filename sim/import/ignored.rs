//! What a project states and a scenario cannot: listed one by one, and told apart by whether
//! results would differ.

use std::fmt;
use std::path::PathBuf;

use super::xml::Element;

/// Whether leaving something out changes results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// No number of the run depends on it.
    Harmless,
    /// PhysiCell would compute something else.
    Differs,
}

/// Something that was not imported as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Ignored {
    /// The file it stands in.
    pub file: PathBuf,
    /// Its line, counted from 1.
    pub line: usize,
    /// The way to it.
    pub element: String,
    /// Why it was not, and what is done instead.
    pub why: String,
    /// Whether results would differ.
    pub effect: Effect,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.file.display(), self.line);
        let differs = match self.effect {
            Effect::Harmless => "",
            Effect::Differs => "results differ: ",
        };
        write!(f, "{file}:{line}: {}: {differs}{}", self.element, self.why)
    }
}

/// Every element that PhysiCell 1.14.2 reads, by its path below the root; `*` stands for any name.
/// Parents are known with their children. Source: the parsers named in `import.rs`.
const KNOWN: &[&str] = &[
    "domain/x_min",
    "domain/x_max",
    "domain/y_min",
    "domain/y_max",
    "domain/z_min",
    "domain/z_max",
    "domain/dx",
    "domain/dy",
    "domain/dz",
    "domain/use_2D",
    "overall/max_time",
    "overall/time_units",
    "overall/space_units",
    "overall/dt_diffusion",
    "overall/dt_mechanics",
    "overall/dt_phenotype",
    "overall/dt_intracellular",
    "parallel/omp_num_threads",
    "save/folder",
    "save/full_data/interval",
    "save/full_data/enable",
    "save/SVG/interval",
    "save/SVG/enable",
    "save/SVG/plot_substrate/substrate",
    "save/SVG/plot_substrate/min_conc",
    "save/SVG/plot_substrate/max_conc",
    "save/SVG/plot_substrate/colormap",
    "save/intracellular_data/interval",
    "save/intracellular_data/enable",
    "save/legacy_data/enable",
    "options/legacy_random_points_on_sphere_in_divide",
    "options/virtual_wall_at_domain_edge",
    "options/disable_automated_spring_adhesions",
    "options/random_seed",
    "options/legacy_cell_defaults_copy",
    "microenvironment_setup/variable/physical_parameter_set/diffusion_coefficient",
    "microenvironment_setup/variable/physical_parameter_set/decay_rate",
    "microenvironment_setup/variable/initial_condition",
    "microenvironment_setup/variable/Dirichlet_boundary_condition",
    "microenvironment_setup/variable/Dirichlet_options/boundary_value",
    "microenvironment_setup/options/calculate_gradients",
    "microenvironment_setup/options/track_internalized_substrates_in_each_agent",
    "microenvironment_setup/options/initial_condition/filename",
    // Not read by PhysiCell, and in every one of its files.
    "microenvironment_setup/options/dirichlet_nodes/filename",
    "cell_definitions/cell_definition/phenotype/cycle/phase_transition_rates/rate",
    "cell_definitions/cell_definition/phenotype/cycle/transition_rates/rate",
    "cell_definitions/cell_definition/phenotype/cycle/phase_durations/duration",
    "cell_definitions/cell_definition/phenotype/cycle/standard_asymmetric_division/asymmetric_division_probability",
    "cell_definitions/cell_definition/phenotype/death/model/death_rate",
    "cell_definitions/cell_definition/phenotype/death/model/rate",
    "cell_definitions/cell_definition/phenotype/death/model/phase_transition_rates/rate",
    "cell_definitions/cell_definition/phenotype/death/model/transition_rates/rate",
    "cell_definitions/cell_definition/phenotype/death/model/phase_durations/duration",
    "cell_definitions/cell_definition/phenotype/death/model/parameters/unlysed_fluid_change_rate",
    "cell_definitions/cell_definition/phenotype/death/model/parameters/lysed_fluid_change_rate",
    "cell_definitions/cell_definition/phenotype/death/model/parameters/cytoplasmic_biomass_change_rate",
    "cell_definitions/cell_definition/phenotype/death/model/parameters/nuclear_biomass_change_rate",
    "cell_definitions/cell_definition/phenotype/death/model/parameters/calcification_rate",
    "cell_definitions/cell_definition/phenotype/death/model/parameters/relative_rupture_volume",
    "cell_definitions/cell_definition/phenotype/volume/total",
    "cell_definitions/cell_definition/phenotype/volume/fluid_fraction",
    "cell_definitions/cell_definition/phenotype/volume/nuclear",
    "cell_definitions/cell_definition/phenotype/volume/fluid_change_rate",
    "cell_definitions/cell_definition/phenotype/volume/cytoplasmic_biomass_change_rate",
    "cell_definitions/cell_definition/phenotype/volume/nuclear_biomass_change_rate",
    "cell_definitions/cell_definition/phenotype/volume/calcified_fraction",
    "cell_definitions/cell_definition/phenotype/volume/calcification_rate",
    "cell_definitions/cell_definition/phenotype/volume/relative_rupture_volume",
    "cell_definitions/cell_definition/phenotype/mechanics/cell_cell_adhesion_strength",
    "cell_definitions/cell_definition/phenotype/mechanics/cell_BM_adhesion_strength",
    "cell_definitions/cell_definition/phenotype/mechanics/cell_cell_repulsion_strength",
    "cell_definitions/cell_definition/phenotype/mechanics/cell_BM_repulsion_strength",
    "cell_definitions/cell_definition/phenotype/mechanics/relative_maximum_adhesion_distance",
    "cell_definitions/cell_definition/phenotype/mechanics/cell_adhesion_affinities/cell_adhesion_affinity",
    "cell_definitions/cell_definition/phenotype/mechanics/options/set_relative_equilibrium_distance",
    "cell_definitions/cell_definition/phenotype/mechanics/options/set_absolute_equilibrium_distance",
    "cell_definitions/cell_definition/phenotype/mechanics/attachment_elastic_constant",
    "cell_definitions/cell_definition/phenotype/mechanics/attachment_rate",
    "cell_definitions/cell_definition/phenotype/mechanics/detachment_rate",
    "cell_definitions/cell_definition/phenotype/mechanics/maximum_number_of_attachments",
    "cell_definitions/cell_definition/phenotype/motility/speed",
    "cell_definitions/cell_definition/phenotype/motility/migration_bias",
    "cell_definitions/cell_definition/phenotype/motility/persistence_time",
    "cell_definitions/cell_definition/phenotype/motility/options/enabled",
    "cell_definitions/cell_definition/phenotype/motility/options/use_2D",
    "cell_definitions/cell_definition/phenotype/motility/options/chemotaxis/enabled",
    "cell_definitions/cell_definition/phenotype/motility/options/chemotaxis/substrate",
    "cell_definitions/cell_definition/phenotype/motility/options/chemotaxis/direction",
    "cell_definitions/cell_definition/phenotype/motility/options/advanced_chemotaxis/enabled",
    "cell_definitions/cell_definition/phenotype/motility/options/advanced_chemotaxis/normalize_each_gradient",
    "cell_definitions/cell_definition/phenotype/motility/options/advanced_chemotaxis/chemotactic_sensitivities/chemotactic_sensitivity",
    "cell_definitions/cell_definition/phenotype/secretion/substrate/secretion_rate",
    "cell_definitions/cell_definition/phenotype/secretion/substrate/secretion_target",
    "cell_definitions/cell_definition/phenotype/secretion/substrate/uptake_rate",
    "cell_definitions/cell_definition/phenotype/secretion/substrate/net_export_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/dead_phagocytosis_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/apoptotic_phagocytosis_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/necrotic_phagocytosis_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/other_dead_phagocytosis_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/live_phagocytosis_rates/phagocytosis_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/attack_rates/attack_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/attack_damage_rate",
    "cell_definitions/cell_definition/phenotype/cell_interactions/attack_duration",
    "cell_definitions/cell_definition/phenotype/cell_interactions/fusion_rates/fusion_rate",
    "cell_definitions/cell_definition/phenotype/cell_transformations/transformation_rates/transformation_rate",
    "cell_definitions/cell_definition/phenotype/cell_integrity/damage_rate",
    "cell_definitions/cell_definition/phenotype/cell_integrity/damage_repair_rate",
    "cell_definitions/cell_definition/phenotype/intracellular",
    "cell_definitions/cell_definition/custom_data/*",
    "cell_definitions/cell_definition/initial_parameter_distributions/distribution/*",
    "initial_conditions/cell_positions/folder",
    "initial_conditions/cell_positions/filename",
    "cell_rules/rulesets/ruleset/folder",
    "cell_rules/rulesets/ruleset/filename",
    "cell_rules/settings",
    "user_parameters/*",
];

/// Elements of which PhysiCell reads every one, not the first alone.
const REPEATED: &[&str] = &[
    "variable",
    "boundary_value",
    "cell_definition",
    "rate",
    "duration",
    "model",
    "asymmetric_division_probability",
    "cell_adhesion_affinity",
    "chemotactic_sensitivity",
    "substrate",
    "phagocytosis_rate",
    "attack_rate",
    "fusion_rate",
    "transformation_rate",
    "distribution",
    "ruleset",
];

/// Remarks on what PhysiCell does not read, or reads once though it stands there twice.
pub fn walk(root: Element<'_>) {
    let mut waiting: Vec<(Element<'_>, String)> = vec![(root, String::new())];
    while let Some((parent, path)) = waiting.pop() {
        let mut seen: Vec<&str> = Vec::new();
        for element in parent.all() {
            let name = element.name();
            let own = match path.as_str() {
                "" => name.to_owned(),
                above => format!("{above}/{name}"),
            };
            match known(&own) {
                None => {
                    element
                        .note("PhysiCell does not read this element, and neither is it imported");
                }
                Some(_) if seen.contains(&name) && !REPEATED.contains(&name) => {
                    element.note("stands here again; as in PhysiCell, the first one counts");
                }
                Some(Known::Parent) => waiting.push((element, own)),
                Some(Known::Whole) => {}
            }
            if seen.len() < KNOWN.len() {
                seen.push(name);
            }
        }
    }
}

/// What is known of an element.
enum Known {
    /// There are known elements in it.
    Parent,
    /// It is known with all that is in it.
    Whole,
}

fn known(path: &str) -> Option<Known> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    KNOWN.iter().find_map(|entry| {
        if *entry == path || entry.strip_suffix("/*") == Some(parent) {
            return Some(Known::Whole);
        }
        let rest = entry.strip_prefix(path)?;
        rest.starts_with('/').then_some(Known::Parent)
    })
}
